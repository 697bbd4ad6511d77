import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import pino from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InterventionMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import { CampaignSchema, CampaignState } from "../../gen/intervention/v1/campaign_pb.js";
import { Rule } from "../../gen/intervention/v1/decision_pb.js";
import { Channel } from "../../gen/intervention/v1/intervention_pb.js";
import { ShopEventKind } from "../../gen/intervention/v1/shopper_pb.js";
import { ServiceContainer } from "../container.ts";
import { decide } from "../domain/decision/decide.ts";
import { CampaignKeeper } from "../integrations/campaign-keeper.ts";
import { defineServices } from "../services/index.ts";
import {
  claimContest,
  enterContest,
  findLatestRounds,
  leaveContest,
  toDecision,
  toDecisionInput,
} from "../store/index.ts";
import { until } from "../testing/until.ts";
import { startDelivering } from "./testing/start-delivering.ts";

const HOUR_MS = 3_600_000;

describe("campaigns of a group", () => {
  let engine: Awaited<ReturnType<typeof startDelivering>>;
  let second: ServiceContainer;
  beforeAll(async () => {
    engine = await startDelivering([]);
    await engine.startDecide();
    // Another process that decides, on the same streams and store.
    second = new ServiceContainer();
    await second.get(defineServices(engine.config).decide);
    const { store, bus, workspace } = engine;
    const keeper = new CampaignKeeper({ store, bus, log: pino({ level: "silent" }), now: () => new Date() });
    const trigger = { on: { case: "event" as const, value: ShopEventKind.PAGE_VIEWED } };
    const common = { displayName: "C", trigger, state: CampaignState.RUNNING };
    const window = durationFromMs(HOUR_MS);
    for (const [campaignId, exclusion] of [
      ["plain-a", { group: "plain", window }],
      ["plain-b", { group: "plain", window }],
      ["low", { group: "ranked", window, rank: 1, wait: durationFromMs(700) }],
      ["high", { group: "ranked", window, rank: 9, wait: durationFromMs(700) }],
      ["broke", { group: "money", window }],
      ["rich", { group: "money", window }],
    ] as const) {
      const budget = campaignId === "broke" ? { budget: { messagesMax: 1n } } : {};
      await keeper.add(workspace, create(CampaignSchema, { campaignId, ...common, exclusion, ...budget }));
    }
    const known = await engine.container.get(engine.services.campaigns);
    await until(() => known.findLive(workspace, "rich", new Date()), "campaigns known");
  });
  afterAll(async () => {
    await second.stop();
    await engine[Symbol.asyncDispose]();
  });

  let made = 0;
  const toMessage = (campaign: string, userId: string) => {
    made += 1;
    return create(InterventionMessageSchema, {
      ...{ workspace: engine.workspace, interventionId: `x${made}`, idempotencyKey: `x${made}`, priority: 2 },
      ...{ campaign, trigger: { campaign }, recipient: { userId }, content: { title: campaign } },
      ...{ policy: { channels: [Channel.INBOX] }, acceptTime: timestampFromDate(new Date()) },
    });
  };
  const ended = (ids: readonly string[]) =>
    until(async () => {
      const rounds = await findLatestRounds(engine.store, engine.workspace, ids);
      const all = ids.flatMap((id) => rounds.get(id) ?? []);
      return all.length === ids.length && all.every(({ outcome }) => outcome !== "delay") ? all : undefined;
    }, "all have ended");

  it("reach a user once within their window, whichever of them and whoever decides", async () => {
    const users = Array.from({ length: 20 }, (_, index) => `u${index}`);
    const messages = ["plain-a", "plain-b", "plain-a"].flatMap((campaign) =>
      users.map((user) => toMessage(campaign, user)),
    );
    await Promise.all([0, 1, 2, 3].map((part) => engine.acceptAll(messages.filter((_, index) => index % 4 === part))));
    const decided = await ended(messages.map(({ interventionId }) => interventionId));
    const sent = decided.filter(({ outcome }) => outcome === "send");
    expect(sent.map(({ userId }) => userId).sort((a, b) => (a < b ? -1 : 1))).toEqual(
      users.toSorted((a, b) => (a < b ? -1 : 1)),
    );
    const stopped = decided.find(({ outcome }) => outcome === "suppress");
    expect(stopped && toDecision(stopped).verdicts.at(-1)).toMatchObject({
      rule: Rule.EXCLUSION,
      reason: expect.stringMatching(/^in the group "plain" campaign "plain-[ab]" has the user until 20/),
    });
    for (const document of decided) {
      const input = toDecisionInput(document);
      expect(input && decide(input)).toEqual(toDecision(document));
    }
  });

  it("wait for each other, and the highest is sent, whichever came first", async () => {
    const [first, later] = [toMessage("low", "ada"), toMessage("high", "ada")];
    const alone = toMessage("low", "bob");
    await engine.acceptAll([first]);
    await engine.acceptAll([alone]);
    await engine.acceptAll([later]);
    const decided = await ended([first, later, alone].map(({ interventionId }) => interventionId));
    expect(decided.map(({ outcome }) => outcome)).toEqual(["suppress", "send", "send"]);
    const [low] = decided;
    expect(low && toDecision(low).verdicts.at(-1)?.reason).toMatch(/^in the group "ranked" campaign "high" /);
  });

  it("let a user go whom a budget stops", async () => {
    const [spent, stopped] = [toMessage("broke", "cy"), toMessage("broke", "dan")];
    await engine.acceptAll([spent]);
    await ended([spent.interventionId]);
    await engine.acceptAll([stopped]);
    await ended([stopped.interventionId]);
    const next = toMessage("rich", "dan");
    await engine.acceptAll([next]);
    const decided = await ended([spent, stopped, next].map(({ interventionId }) => interventionId));
    expect(decided.map(({ outcome }) => outcome)).toEqual(["send", "suppress", "send"]);
  });

  it("are not held up for ever by one that never comes, nor by one that has left", async () => {
    const { store, workspace: workspaceId } = engine;
    const of = { workspaceId, group: "g", userId: "eve" };
    const at = (ms: number) => new Date(1_900_000_000_000 + ms);
    const contender = (id: string, rank: number, untilMs: number) => ({
      ...{ interventionId: id, campaignId: `c-${id}`, rank, until: at(untilMs) },
    });
    await enterContest(store, of, contender("lost", 9, 1_000), at(0));
    expect(await claimContest(store, of, contender("a", 1, 9_000), at(999))).toMatchObject({ campaignId: "c-lost" });
    expect(await claimContest(store, of, contender("a", 1, 9_000), at(1_000))).toMatchObject({ isGranted: true });
    const again = await claimContest(store, of, contender("a", 1, 99_000), at(2_000));
    expect(again).toMatchObject({ isGranted: true });
    const other = await claimContest(store, of, contender("b", 5, 9_000), at(8_999));
    expect(other).toEqual({ isGranted: false, campaignId: "c-a", until: at(9_000) });
    await leaveContest(store, of, "a");
    expect(await claimContest(store, of, contender("b", 5, 19_000), at(8_999))).toMatchObject({ isGranted: true });
    expect(await claimContest(store, of, contender("a", 1, 29_000), at(19_000))).toMatchObject({ isGranted: true });
  });
});
