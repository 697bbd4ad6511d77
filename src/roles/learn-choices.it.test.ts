import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import pino from "pino";
import { describe, expect, it } from "vitest";
import { DecisionInputSchema } from "../../gen/intervention/v1/decision_pb.js";
import { Channel, ChannelChoice_Method, type PolicySchema } from "../../gen/intervention/v1/intervention_pb.js";
import { decide } from "../domain/decision/decide.ts";
import { ChoiceModel } from "../integrations/choice-model.ts";
import { insertDecisions, insertEvents, type Store } from "../store/index.ts";
import { startParts } from "../testing/parts.ts";
import { addChoice } from "./choice-input.ts";
import { ChoiceLearner } from "./learn-choices.ts";
import { toDecisionDocument } from "./to-decision-document.ts";

const DAY = new Date("2026-06-01T00:00:00Z");
const NOW = new Date("2026-06-01T12:00:00Z");
const { REALTIME, INBOX, WEBHOOK } = Channel;
const channels = [REALTIME, INBOX, WEBHOOK];
type PolicyInit = Extract<MessageInitShape<typeof PolicySchema>, { $typeName?: never }>;
const learned: PolicyInit = {
  channels,
  channelChoice: { method: ChannelChoice_Method.LEARNED, exploration: 0.02, reward: { clicked: 1 } },
};

/** Uniform numbers from a seed (mulberry32): the same run each time. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function start() {
  const parts = await startParts();
  const { store, workspace } = parts;
  const model = await ChoiceModel.start({ store, log: pino({ level: "silent" }), now: () => NOW });
  const learner = new ChoiceLearner({ store, findOrders: async () => [] });
  let made = 0;
  return {
    ...{ store, workspace, model, learner },
    /** Decides so many, as a decider does, and keeps the decisions. */
    async decideMany(count: number) {
      const documents = Array.from({ length: count }, () => {
        made += 1;
        const input = create(DecisionInputSchema, {
          ...{ workspace, interventionId: `iv${made}`, recipient: { userId: "ada" }, policy: learned },
          ...{ now: timestampFromDate(NOW), hasLiveSocket: true, defaultTimeZone: "UTC", providedChannels: [WEBHOOK] },
        });
        addChoice({ costOf: () => undefined, choices: model }, input);
        const decision = decide(input);
        return toDecisionDocument({ input, decision, capNumber: undefined, now: NOW, capUserId: "" });
      });
      expect(await insertDecisions(store, documents)).toEqual([]);
      return documents;
    },
    async [Symbol.asyncDispose]() {
      model.stop();
      await parts[Symbol.asyncDispose]();
    },
  };
}

const click = (store: Store, workspaceId: string, id: string, more: { actor?: string; kind?: string } = {}) => {
  const { kind = "clicked", ...actor } = more;
  return insertEvents(store, [
    {
      ...{ _id: `${id}:${kind}`, workspaceId, interventionId: id, userId: "ada", kind, campaign: "", channel: "x" },
      ...{ occurredAt: NOW, receivedAt: NOW, ...actor },
    },
  ]);
};

describe("learning which channel serves", () => {
  it("finds the best of channels with known rates, through the store", async () => {
    await using all = await start();
    const { store, workspace, model, learner } = all;
    const rates: Readonly<Record<string, number>> = { realtime: 0.1, inbox: 0.45, webhook: 0.2 };
    const random = seeded(7);
    let last: Awaited<ReturnType<typeof all.decideMany>> = [];
    for (let batch = 0; batch < 12; batch += 1) {
      last = await all.decideMany(60);
      for (const { interventionId, channel } of last)
        if (random() < (rates[channel ?? ""] ?? 0)) await click(store, workspace, interventionId);
      await learner.learnDay(workspace, DAY, new Date(NOW.getTime() + batch));
      await model.refresh();
    }
    expect(last.filter(({ channel }) => channel === "inbox").length).toBeGreaterThan(50);
    const best = model.list(workspace, Number.POSITIVE_INFINITY).find(({ channel }) => channel === "inbox");
    const mean = (best?.reward ?? 0) / (best?.rounds ?? 1);
    // Four standard errors.
    expect(Math.abs(mean - 0.45)).toBeLessThan(4 * Math.sqrt((0.45 * 0.55) / (best?.rounds ?? 1)));
  });

  it("counts each message once, however often it reckons, and what came meanwhile too", async () => {
    await using all = await start();
    const { store, workspace, model, learner } = all;
    const [first, second] = await all.decideMany(2);
    const sum = async () => {
      await model.refresh();
      const learnt = model.list(workspace, Number.POSITIVE_INFINITY);
      return [learnt.reduce((all, { rounds }) => all + rounds, 0), learnt.reduce((all, { reward }) => all + reward, 0)];
    };
    await click(store, workspace, first?.interventionId ?? "");
    expect(await learner.step(workspace, NOW)).toBe(2);
    expect(await learner.step(workspace, NOW)).toBe(0);
    await learner.learnDay(workspace, DAY, NOW);
    expect(await sum()).toEqual([2, 1]);
    await click(store, workspace, second?.interventionId ?? "");
    await new ChoiceLearner({ store, findOrders: async () => [] }).step(workspace, new Date(NOW.getTime() + 1));
    expect(await sum()).toEqual([2, 2]);
  });

  it("counts what people do, and not what programs do", async () => {
    await using all = await start();
    const { store, workspace, model } = all;
    const [byScanner, byPerson] = await all.decideMany(2);
    await click(store, workspace, byScanner?.interventionId ?? "", { actor: "scanner" });
    await click(store, workspace, byPerson?.interventionId ?? "", { actor: "person" });
    await new ChoiceLearner({ store, findOrders: async () => [] }).learnDay(workspace, DAY, NOW);
    await model.refresh();
    expect(model.list(workspace, 1).reduce((sum, { reward }) => sum + reward, 0)).toBe(1);
  });

  it("knows nothing of other workspaces", async () => {
    await using all = await start();
    const { workspace, model, learner } = all;
    await all.decideMany(3);
    await learner.learnDay(workspace, DAY, NOW);
    await model.refresh();
    expect(model.list("other", 1)).toEqual([]);
    expect(model.find("other", { segment: "all", channel: "inbox", halfLifeMs: 1 })).toEqual({ alpha: 1, beta: 1 });
  });
});
