import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startCallers } from "../api/testing/start-callers.ts";
import { SegmentDirectory } from "../integrations/segment-directory.ts";
import { createMetrics } from "../observe/index.ts";
import { findShoppers, insertShopEvents, listShopperChanges, noteShopperChanges } from "../store/index.ts";
import { until } from "../testing/until.ts";
import type { SegmentChange } from "./segment-members.ts";
import { startSegments } from "./tend-segments.ts";
import { shopEvent } from "./testing/shop-event.ts";

const SERVICE = "intervention.v1.SegmentService";
const ordered = (atLeast: number, withinDays = 0) => ({
  did: { kind: "SHOP_EVENT_KIND_ORDER_PLACED", atLeast, withinDays },
});
const tier = (value: string) => ({
  comparison: { field: "profile.attributes.tier", operator: "OPERATOR_EQUAL", value: { stringValue: value } },
});
const recent = (seconds: number) => ({ recent: { field: "orders.last_time", within: { seconds } } });

describe("segments", () => {
  let api: Awaited<ReturnType<typeof startParts>>;
  beforeAll(async () => {
    api = await startParts();
  });
  afterAll(() => api[Symbol.asyncDispose]());

  async function startParts() {
    const callers = await startCallers(SERVICE);
    const { store, bus, log, access } = callers;
    const segments = await SegmentDirectory.start({ store, bus, log });
    const changes: SegmentChange[] = [];
    let clock = Date.now();
    const now = () => new Date(clock);
    const metrics = createMetrics();
    const onChanges = async (some: readonly SegmentChange[]) => void changes.push(...some);
    const start = () => startSegments({ store, segments, access, log, metrics, now, onChanges, sweepMs: 3_600_000 });
    const profile = (userId: string, tier: string) =>
      callers.client.call("intervention.v1.ProfileService/Upsert", {
        profile: { userId, attributes: { fields: { tier: { stringValue: tier } } } },
      });
    return {
      ...{ ...callers, changes, segments, start, profile },
      now,
      passDays: (days: number) => {
        clock += days * 86_400_000;
      },
      order: async (userId: string, n: number, at: Date) => {
        await insertShopEvents(store, [{ ...shopEvent(userId, `o${n}-${userId}`, at), workspaceId: "main" }], at);
        await segments.noteChanges([{ workspaceId: "main", userId }]);
      },
      membersOf: async (name: string) => {
        const userIds: string[] = [];
        let pageToken = "";
        do {
          const { body } = await callers.call("ListMembers", { name, pageSize: 2, pageToken });
          userIds.push(...((body.userIds as string[] | undefined) ?? []));
          pageToken = String(body.nextPageToken ?? "");
        } while (pageToken !== "");
        return userIds.sort((a, b) => (a < b ? -1 : 1));
      },
      async [Symbol.asyncDispose]() {
        segments.stop();
        await callers[Symbol.asyncDispose]();
      },
    };
  }

  it("take in who was there before them, follow what is done and what time does, each change once", async () => {
    await api.profile("ada", "gold");
    await api.profile("bob", "silver");
    await api.order("cy", 1, api.now());
    await api.call("CreateSegment", { segmentId: "gold", segment: { displayName: "Gold", rule: tier("gold") } });
    await api.call("CreateSegment", {
      segmentId: "lately",
      segment: { displayName: "Ordered lately", rule: { all: { rules: [ordered(1), recent(864_000)] } } },
    });
    await api.call("CreateSegment", {
      segmentId: "either",
      segment: { displayName: "Either", rule: { any: { rules: [{ inSegment: "gold" }, { inSegment: "lately" }] } } },
    });
    await until(() => api.segments.findLive("main").segments.length === 3, "segments known");
    // Two of them, as in a deployment: each workspace is looked after by one.
    await using _first = api.start();
    await using _second = api.start();
    await until(async () => (await api.membersOf("either")).length === 2, "those who were there");
    expect([await api.membersOf("gold"), await api.membersOf("lately")]).toEqual([["ada"], ["cy"]]);

    await api.profile("bob", "gold");
    await api.segments.noteChanges([{ workspaceId: "main", userId: "bob" }]);
    await until(async () => (await api.membersOf("gold")).length === 2, "bob is gold");
    await api.profile("ada", "silver");
    await api.segments.noteChanges([{ workspaceId: "main", userId: "ada" }]);
    await until(async () => (await api.membersOf("gold")).length === 1, "ada is gold no more");

    api.passDays(11);
    await until(async () => (await api.membersOf("lately")).length === 0, "cy's order is long ago");
    expect(await api.membersOf("either")).toEqual(["bob"]);
    const told = api.changes.map(({ segmentId, userId, isIn, changes }) => [segmentId, userId, isIn, changes].join());
    expect(told).toHaveLength(10);
    expect(new Set(told)).toEqual(
      new Set([
        ...["gold,ada,true,1", "either,ada,true,1", "lately,cy,true,1", "either,cy,true,1"],
        ...["gold,bob,true,1", "either,bob,true,1", "gold,ada,false,2", "either,ada,false,2"],
        ...["lately,cy,false,2", "either,cy,false,2"],
      ]),
    );
    expect(await listShopperChanges(api.store, "main", 10)).toEqual([]);
  });

  it("keep what is noted while nobody looks, and a list's members as they were said", async () => {
    await api.call("CreateSegment", { segmentId: "staff", segment: { displayName: "Staff" } });
    await until(() => api.segments.find("main", "staff"), "the list is known");
    expect(await api.call("AddMembers", { name: "staff", userIds: ["eve", "dan", "eve"] })).toMatchObject({
      body: { added: 2 },
    });
    await noteShopperChanges(api.store, [{ workspaceId: "main", userId: "nobody" }]);
    {
      await using _one = api.start();
      await until(async () => (await api.membersOf("staff")).length === 2, "both are in");
      await until(async () => (await listShopperChanges(api.store, "main", 1)).length === 0, "all looked at");
    }
    expect((await findShoppers(api.store, "main", ["nobody"])).size).toBe(0);
    expect(await api.call("RemoveMembers", { name: "staff", userIds: ["dan", "bob"] })).toMatchObject({
      body: { removed: 1 },
    });
    expect((await listShopperChanges(api.store, "main", 10)).length).toBe(2);
    await using _another = api.start();
    await until(async () => (await api.membersOf("staff")).length === 1, "dan is out");
  });

  it("say of whom a rule is true, and why somebody is in", async () => {
    const preview = await api.call("PreviewSegment", { rule: tier("gold") });
    expect(preview.body).toMatchObject({ count: "1", sampleUserIds: ["bob"], indexed: true });
    const { body } = await api.call("ExplainMember", { name: "either", userId: "bob" });
    expect(body).toMatchObject({ isMember: true, matches: true });
    expect(body.answers).toEqual([
      { path: "rule.any", truth: "RULE_TRUTH_TRUE", reason: "1 true, 1 false, 0 unknown of 2" },
      {
        path: "rule.any.rules[0].in_segment",
        truth: "RULE_TRUTH_TRUE",
        reason: 'profile.attributes.tier is "gold"',
      },
      expect.objectContaining({ path: "rule.any.rules[1].in_segment", truth: "RULE_TRUTH_FALSE" }),
      expect.objectContaining({ reason: "order_placed 0 times ever, asked for 1" }),
      expect.objectContaining({ truth: "RULE_TRUTH_UNSPECIFIED", reason: "orders.last_time is not known" }),
    ]);
    const suggested = (await api.call("SuggestSegments", {})).body.segments as { segmentId: string; rule: object }[];
    expect(suggested.map(({ segmentId }) => segmentId)).toContain("rfm-champions");
    for (const segment of suggested)
      expect((await api.call("CreateSegment", { segmentId: segment.segmentId, segment })).code).toBe(0);
  });

  it("refuse a rule that names itself, a list that gets a rule, and the end of what is named", async () => {
    const itself = await api.call("UpdateSegment", {
      segment: { name: "gold", rule: { inSegment: "either" } },
      updateMask: { paths: ["rule"] },
    });
    expect(JSON.stringify(itself)).toContain('segment \\"gold\\" names itself: gold > either > gold');
    const list = await api.call("UpdateSegment", {
      segment: { name: "staff", rule: tier("gold") },
      updateMask: { paths: ["rule"] },
    });
    expect(JSON.stringify(list)).toContain("a list can't get a rule");
    const named = await api.call("ArchiveSegment", { name: "gold" });
    expect(JSON.stringify(named)).toContain('the rule of segment \\"either\\" names it');
    expect((await api.call("GetSegment", { name: "gold" })).body).toMatchObject({ segment: { rule: tier("gold") } });
  });
});
