import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import pino from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InterventionMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import { type Campaign, CampaignSchema, CampaignState } from "../../gen/intervention/v1/campaign_pb.js";
import { Rule } from "../../gen/intervention/v1/decision_pb.js";
import { Channel, Priority } from "../../gen/intervention/v1/intervention_pb.js";
import { ShopEventKind } from "../../gen/intervention/v1/shopper_pb.js";
import { FakeProvider } from "../channels/testing/fake-provider.ts";
import { ServiceContainer } from "../container.ts";
import { decide } from "../domain/decision/decide.ts";
import { CampaignKeeper } from "../integrations/campaign-keeper.ts";
import { defineServices } from "../services/index.ts";
import {
  claimBudget,
  findBudgetUse,
  findLatestRounds,
  insertShopEvents,
  releaseBudget,
  toDecision,
  toDecisionInput,
} from "../store/index.ts";
import { until } from "../testing/until.ts";
import { shopEvent } from "./testing/shop-event.ts";
import { startDelivering } from "./testing/start-delivering.ts";

const COST = { currency: "EUR", micros: 50_000 };

describe("a campaign's budget", () => {
  const fake = new FakeProvider("fake");
  let engine: Awaited<ReturnType<typeof startDelivering>>;
  let second: ServiceContainer;
  beforeAll(async () => {
    engine = await startDelivering([fake]);
    await engine.addAccount(fake, { cost: COST });
    await engine.startDecide();
    // Another process that decides, on the same streams and store.
    second = new ServiceContainer();
    await second.get(defineServices(engine.config).decide);
  });
  afterAll(async () => {
    await second.stop();
    await engine[Symbol.asyncDispose]();
  });

  let made = 0;
  async function run(campaignId: string, given: Partial<Pick<Campaign, "budget" | "dropOnOrder">>) {
    const { store, bus, workspace } = engine;
    const keeper = new CampaignKeeper({ store, bus, log: pino({ level: "silent" }), now: () => new Date() });
    const trigger = { on: { case: "event" as const, value: ShopEventKind.PAGE_VIEWED } };
    const state = CampaignState.RUNNING;
    await keeper.add(workspace, create(CampaignSchema, { campaignId, displayName: "C", trigger, state, ...given }));
    const known = await engine.container.get(engine.services.campaigns);
    // The other process looks it up where it has not heard of it.
    await until(() => known.findLive(workspace, campaignId, new Date()), "campaign known");
  }
  const toMessages = (campaignId: string, count: number, channel: Channel) =>
    Array.from({ length: count }, () => {
      made += 1;
      const userId = `${campaignId}-${made}`;
      return create(InterventionMessageSchema, {
        ...{ workspace: engine.workspace, interventionId: `b${made}`, idempotencyKey: `b${made}` },
        ...{ campaign: campaignId, trigger: { campaign: campaignId }, priority: Priority.NORMAL },
        recipient: { userId, addresses: [{ channel: 3, address: `${userId}@example.com` }] },
        content: { title: "Hello" },
        policy: { channels: [channel], purpose: 2 },
        acceptTime: timestampFromDate(new Date()),
      });
    });
  const decidedOf = (ids: readonly string[]) =>
    until(async () => {
      const rounds = await findLatestRounds(engine.store, engine.workspace, ids);
      return rounds.size === ids.length ? [...rounds.values()] : undefined;
    }, "all are decided");
  const useOf = (campaignId: string) => findBudgetUse(engine.store, { workspaceId: engine.workspace, campaignId });

  it("of messages is used up to the last one and never beyond, by two processes that decide at the same time", async () => {
    await run("count", { budget: create(CampaignSchema, { budget: { messagesMax: 70n } }).budget });
    const messages = toMessages("count", 120, Channel.INBOX);
    for (let first = 0; first < messages.length; first += 10) await engine.acceptAll(messages.slice(first, first + 10));
    const decided = await decidedOf(messages.map(({ interventionId }) => interventionId));
    expect(decided.filter(({ outcome }) => outcome === "send")).toHaveLength(70);
    const stopped = decided.filter(({ outcome }) => outcome === "suppress");
    expect(stopped).toHaveLength(50);
    for (const document of stopped)
      expect(toDecision(document).verdicts.at(-1)).toMatchObject({
        ...{ rule: Rule.BUDGET, reason: 'campaign "count" has used 70 of 70 messages; this one costs 0' },
      });
    // What was recorded tells the same again.
    for (const document of decided) {
      const input = toDecisionInput(document);
      expect(input && decide(input)).toEqual(toDecision(document));
    }
    expect(await useOf("count")).toMatchObject({ messages: 70, micros: 0 });
  });

  it("of money is used as far as whole messages go", async () => {
    const cost = { currency: "EUR", micros: 240_000n };
    await run("money", { budget: create(CampaignSchema, { budget: { costMax: cost } }).budget });
    const messages = toMessages("money", 9, Channel.EMAIL);
    await engine.acceptAll(messages);
    const decided = await decidedOf(messages.map(({ interventionId }) => interventionId));
    expect(decided.filter(({ outcome }) => outcome === "send")).toHaveLength(4);
    expect(await useOf("money")).toMatchObject({ messages: 4, micros: 200_000 });
  });

  it("is granted once for a message, in turn, and given back for what is not sent", async () => {
    const { store, workspace: workspaceId } = engine;
    const whose = { workspaceId, campaignId: "turns" };
    const limits = { messagesMax: 100, microsMax: Number.POSITIVE_INFINITY, at: new Date() };
    const claim = (from: number, count: number) =>
      claimBudget(
        store,
        whose,
        Array.from({ length: count }, (_, index) => ({ id: `t${from + index}/0`, micros: 3 })),
        limits,
      );
    // Some of them twice, as when whoever claimed died before he decided.
    const all = await Promise.all([0, 10, 5, 20, 30, 0, 25, 40].map((from) => claim(from, 15)));
    expect(all.flat().every(({ isGranted }) => isGranted)).toBe(true);
    expect(await findBudgetUse(store, whose)).toMatchObject({ messages: 55, micros: 165 });
    await Promise.all([releaseBudget(store, whose, ["t0/0", "t1/0"]), releaseBudget(store, whose, ["t1/0", "t99/0"])]);
    expect(await findBudgetUse(store, whose)).toMatchObject({ messages: 53, micros: 159 });
    const rest = await claim(1_000, 60);
    expect(rest.filter(({ isGranted }) => isGranted)).toHaveLength(47);
  });
});

describe("a campaign that drops what waits when its user orders", () => {
  it("does not send it, and says when he ordered", async () => {
    await using engine = await startDelivering([]);
    const { store, bus, workspace } = engine;
    const keeper = new CampaignKeeper({ store, bus, log: pino({ level: "silent" }), now: () => new Date() });
    const trigger = { on: { case: "event" as const, value: ShopEventKind.PAGE_VIEWED } };
    const given = { campaignId: "drop", displayName: "D", trigger, state: CampaignState.RUNNING, dropOnOrder: true };
    await keeper.add(workspace, create(CampaignSchema, given));
    await engine.startDecide();
    const known = await engine.container.get(engine.services.campaigns);
    await until(() => known.findLive(workspace, "drop", new Date()), "campaign known");
    const at = new Date(Date.now() - 1_000);
    await insertShopEvents(store, [{ ...shopEvent("buyer", "o1", at), workspaceId: workspace }], at);
    const waited = (userId: string, round: number) =>
      engine.accept({
        ...{ campaign: "drop", trigger: { campaign: "drop" }, round, recipient: { userId } },
        ...{ policy: { channels: [Channel.INBOX] }, acceptTime: timestampFromDate(new Date(Date.now() - 60_000)) },
      });
    const ids = [await waited("buyer", 1), await waited("looker", 1), await waited("buyer", 0)];
    const reasons = await until(async () => {
      const rounds = await Promise.all(
        ids.map((id, index) => store.decisions.findOne({ _id: `${id}/${index === 2 ? 0 : 1}` })),
      );
      return rounds.every((one) => one !== null) ? rounds : undefined;
    }, "all are decided");
    expect(reasons.map((document) => document?.outcome)).toEqual(["suppress", "send", "send"]);
    const [first] = reasons;
    expect(first && toDecision(first).verdicts.at(-1)).toMatchObject({
      ...{ rule: Rule.ORDER, reason: `the user ordered at ${at.toISOString()}` },
    });
  });
});
