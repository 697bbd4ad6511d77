import pino from "pino";
import { describe, expect, it } from "vitest";
import { ChoiceModel } from "../integrations/choice-model.ts";
import { startParts } from "../testing/parts.ts";
import { ChoiceLearner } from "./learn-choices.ts";
import { click, clickers, drawChoices } from "./testing/draw-choices.ts";

const DAY = new Date("2026-06-01T00:00:00Z");
const NOW = new Date("2026-06-01T12:00:00Z");

async function start() {
  const parts = await startParts();
  const { store, workspace } = parts;
  const model = await ChoiceModel.start({ store, log: pino({ level: "silent" }), now: () => NOW });
  const learner = new ChoiceLearner({ store, findOrders: async () => [] });
  return {
    ...{ store, workspace, model, learner },
    decideMany: (count: number) => drawChoices({ store, choices: model }, { workspace, count, now: NOW }),
    async [Symbol.asyncDispose]() {
      model.stop();
      await parts[Symbol.asyncDispose]();
    },
  };
}

describe("learning which channel serves", () => {
  it("finds the best of channels with known rates, through the store", async () => {
    await using all = await start();
    const { store, workspace, model, learner } = all;
    const clickSome = clickers({ realtime: 0.1, inbox: 0.45, webhook: 0.2 }, 7);
    let last: Awaited<ReturnType<typeof all.decideMany>> = [];
    for (let batch = 0; batch < 12; batch += 1) {
      last = await all.decideMany(60);
      await clickSome(store, last);
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
    await click(store, workspace, first?.interventionId ?? "", { at: NOW });
    expect(await learner.step(workspace, NOW)).toBe(2);
    expect(await learner.step(workspace, NOW)).toBe(0);
    await learner.learnDay(workspace, DAY, NOW);
    expect(await sum()).toEqual([2, 1]);
    await click(store, workspace, second?.interventionId ?? "", { at: NOW });
    await new ChoiceLearner({ store, findOrders: async () => [] }).step(workspace, new Date(NOW.getTime() + 1));
    expect(await sum()).toEqual([2, 2]);
  });

  it("counts what people do, and not what programs do", async () => {
    await using all = await start();
    const { store, workspace, model } = all;
    const [byScanner, byPerson] = await all.decideMany(2);
    await click(store, workspace, byScanner?.interventionId ?? "", { at: NOW, actor: "scanner" });
    await click(store, workspace, byPerson?.interventionId ?? "", { at: NOW, actor: "person" });
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
