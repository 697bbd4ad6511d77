import { fromJson } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { ConditionSchema } from "../../gen/intervention/v1/condition_pb.js";
import { Unavailable } from "../domain/errors.ts";
import { createMetrics } from "../observe/index.ts";
import { setListed } from "../store/index.ts";
import { until } from "../testing/until.ts";
import { SegmentMembers } from "./segment-members.ts";
import { startTriggers } from "./testing/trigger-parts.ts";

const VIPS = { version: "1", segments: [{ segmentId: "vips", rule: undefined }] };
const entered = { trigger: { on: { case: "segmentEntered", value: "vips" } } } as const;
const left = { trigger: { on: { case: "segmentLeft", value: "vips" } } } as const;

async function start(facts: Parameters<typeof startTriggers>[0] = {}) {
  const parts = await startTriggers(facts);
  const { store, triggers } = parts;
  const newMembers = (overrides: { accept?: typeof triggers; store?: typeof store } = {}) =>
    new SegmentMembers({
      ...{ metrics: createMetrics(), now: () => new Date(), segments: { findLive: () => VIPS } },
      store: overrides.store ?? store,
      onChanges: (changes) => (overrides.accept ?? triggers).onSegmentChanges(changes),
    });
  const list = (userIds: string[], isIn: boolean) =>
    setListed(store, { workspaceId: "main", segmentId: "vips", userIds, isIn });
  const keysOf = async () => (await parts.accepted()).map(({ idempotencyKey }) => idempotencyKey).toSorted();
  return { ...parts, newMembers, list, keysOf };
}

describe("coming into a segment and leaving it", () => {
  it("triggers once each time, whoever dies between telling of it and keeping it", async () => {
    await using parts = await start();
    await parts.run("welcome", entered);
    await parts.run("farewell", left);
    await parts.list(["ada", "bob"], true);
    const shoppers = Object.assign(Object.create(parts.store.shoppers), {
      bulkWrite: () => Promise.reject(new Unavailable("store", { cause: new Error("killed") })),
    });
    const dying = parts.newMembers({ store: { ...parts.store, shoppers } });
    await expect(dying.refresh("main", ["ada", "bob"])).rejects.toThrow(Unavailable);
    expect(await parts.keysOf()).toHaveLength(2);
    const members = parts.newMembers();
    await members.refresh("main", ["ada", "bob"]);
    await members.refresh("main", ["ada"]);
    expect(await parts.keysOf()).toEqual([
      "campaign/welcome/membership/vips/1/ada",
      "campaign/welcome/membership/vips/1/bob",
    ]);
    await parts.list(["ada"], false);
    await members.refresh("main", ["ada"]);
    await parts.list(["ada"], true);
    await members.refresh("main", ["ada"]);
    expect(await parts.keysOf()).toEqual([
      "campaign/farewell/membership/vips/2/ada",
      "campaign/welcome/membership/vips/1/ada",
      "campaign/welcome/membership/vips/1/bob",
      "campaign/welcome/membership/vips/3/ada",
    ]);
    expect((await parts.accepted())[0]?.trigger).toMatchObject({
      campaign: "welcome",
      membership: { segment: "vips", isMember: true },
    });
  });

  it("is not kept as having happened while what it triggers is not on disk", async () => {
    await using parts = await start();
    await parts.run("welcome", entered);
    await parts.list(["ada"], true);
    const { triggers } = parts.newProcess({ acceptor: { accept: () => Promise.reject(new Unavailable("bus")) } });
    await expect(parts.newMembers({ accept: triggers }).refresh("main", ["ada"])).rejects.toThrow(Unavailable);
    await parts.newMembers().refresh("main", ["ada"]);
    expect(await parts.keysOf()).toEqual(["campaign/welcome/membership/vips/1/ada"]);
  });

  it("obeys the campaign's condition, and its debounce", async () => {
    const findProfile = async (_: string, userId: string) => ({
      attributes: { tier: userId === "ada" ? "gold" : "tin" },
    });
    await using parts = await start({ findProfile });
    const condition = fromJson(ConditionSchema, {
      comparison: { field: "profile.attributes.tier", operator: "OPERATOR_EQUAL", value: "gold" },
    });
    await parts.run("gold", { ...entered, condition });
    await parts.run("calm", { ...entered, debounce: { wait: durationFromMs(100), maxWait: durationFromMs(1_000) } });
    await parts.list(["ada", "bob"], true);
    await parts.newMembers().refresh("main", ["ada", "bob"]);
    expect(await parts.keysOf()).toEqual(["campaign/gold/membership/vips/1/ada"]);
    await using _worker = await parts.startWorker();
    await until(async () => (await parts.keysOf()).length === 3, "what has calmed down");
    expect(await parts.keysOf()).toContain("campaign/calm/burst/membership/vips/1/bob");
  });
});
