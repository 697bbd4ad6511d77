import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { ChoiceLearner } from "../roles/learn-choices.ts";
import { clickers, drawChoices } from "../roles/testing/draw-choices.ts";
import { startCallers } from "./testing/start-callers.ts";

const SERVICE = "intervention.v1.OptimizationService";
const RATES = { realtime: 0.1, inbox: 0.4, webhook: 0.2 };
const DECISIONS = 600;
const NOBODY = { find: () => ({ alpha: 1, beta: 1 }) };
const estimate = z.object({ value: z.number(), standardError: z.number(), low: z.number(), high: z.number() });
const answer = z.object({
  ...{ ips: estimate, snips: estimate, dm: estimate, dr: estimate },
  ...{ rounds: z.coerce.number(), effectiveSampleSize: z.number(), loggedMean: z.number() },
  warnings: z.array(z.string()).default([]),
});

describe("OptimizationService", () => {
  let api: Awaited<ReturnType<typeof startCallers>>;
  const now = new Date();
  beforeAll(async () => {
    api = await startCallers(SERVICE);
    // Drawn while nothing was known, so that each channel was as likely.
    const drawn = await drawChoices(
      { store: api.store, choices: NOBODY },
      { workspace: "main", count: DECISIONS, now: new Date(now.getTime() - 3_600_000), campaign: "spring" },
    );
    await clickers(RATES, 11)(api.store, drawn);
  });
  afterAll(() => api[Symbol.asyncDispose]());

  it.each([
    ["KIND_ALWAYS", { channel: "CHANNEL_INBOX" }, RATES.inbox],
    ["KIND_ALWAYS", { channel: "CHANNEL_WEBHOOK" }, RATES.webhook],
    // Email never reached anybody: then the first that did.
    ["KIND_ALWAYS", { channel: "CHANNEL_EMAIL" }, RATES.realtime],
    ["KIND_FIXED", {}, RATES.realtime],
    ["KIND_SOFTMAX", { temperature: 1 }, (RATES.realtime + RATES.inbox + RATES.webhook) / 3],
    ["KIND_LEARNED", {}, (RATES.realtime + RATES.inbox + RATES.webhook) / 3],
  ])("tells what %s %j would have earned, from decisions of another policy", async (kind, more, truth) => {
    const { body } = await api.call("Evaluate", { target: { kind, ...more }, campaign: "spring", confidence: 0.999 });
    const found = answer.parse(body);
    expect(found.rounds).toBe(DECISIONS);
    expect(found.warnings).toEqual([]);
    for (const { low, high, value } of [found.ips, found.snips, found.dr]) {
      expect(low).toBeLessThan(truth);
      expect(high).toBeGreaterThan(truth);
      expect(Math.abs(value - truth)).toBeLessThan(0.12);
    }
    expect(found.effectiveSampleSize).toBeGreaterThan(DECISIONS / 4);
  });

  it("says when there is too little to tell, and nothing of other campaigns and workspaces", async () => {
    const target = { kind: "KIND_FIXED" };
    const none = { rounds: "0", warnings: ["only 0 decisions: intervals by the normal distribution are too narrow"] };
    expect((await api.call("Evaluate", { target, campaign: "autumn" })).body).toMatchObject(none);
    expect((await api.callAsStranger("Evaluate", { target })).body).toMatchObject(none);
    expect((await api.call("Evaluate", { target, campaign: "autumn" })).body.ips).toBeNull();
  });

  it("has what was learnt of each channel, and how often each would be drawn", async () => {
    const { store, api: parts } = api;
    await new ChoiceLearner({ store, findOrders: async () => [] }).step("main", now);
    await parts.choices.refresh();
    const { body } = await api.call("GetChannelModel", {});
    const channel = z.object({
      ...{ segment: z.string(), channel: z.string(), rounds: z.coerce.number(), mean: z.number() },
      ...{ low: z.number(), high: z.number(), propensity: z.number() },
    });
    const learnt = z.array(channel).parse(body.channels);
    expect(learnt.map((one) => one.channel)).toEqual(["CHANNEL_INBOX", "CHANNEL_REALTIME", "CHANNEL_WEBHOOK"]);
    expect(learnt.reduce((sum, { rounds }) => sum + rounds, 0)).toBe(DECISIONS);
    expect(learnt.reduce((sum, { propensity }) => sum + propensity, 0)).toBeCloseTo(1, 9);
    expect(learnt[0]?.propensity).toBeGreaterThan(0.95);
    for (const { low, mean, high } of learnt) {
      expect(low).toBeLessThan(mean);
      expect(high).toBeGreaterThan(mean);
    }
    expect((await api.callAsStranger("GetChannelModel", {})).body.channels ?? []).toEqual([]);
  });
});
