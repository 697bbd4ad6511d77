import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import { startCallers } from "../api/testing/start-callers.ts";
import { Unavailable } from "../domain/errors.ts";
import { ExperimentDirectory } from "../integrations/experiment-directory.ts";
import {
  creditAll,
  insertEvents,
  insertExposures,
  toEventDocument,
  toExposure,
  toOrderKey,
  toStored,
} from "../store/index.ts";
import { until } from "../testing/until.ts";
import { tendExperiments } from "./tend-experiments.ts";

const HOUR_MS = 3_600_000;
const USERS = 400;
/** Of a hundred, how many order. */
const RATES = { plain: 10, bold: 30 } as const;
type Variant = keyof typeof RATES;

async function start(
  rates: Readonly<Record<Variant, number>> = RATES,
  autoPromotion: object = {},
  changes: object = {},
) {
  const api = await startCallers("intervention.v1.ExperimentService");
  const { store, bus, log } = api;
  const experiments = await ExperimentDirectory.start({ store, bus, log });
  let clock = Date.now();
  const now = () => new Date(clock);
  const campaign = {
    ...{ displayName: "Spring", content: { title: "Plain" }, state: "CAMPAIGN_STATE_RUNNING" },
    trigger: { event: "SHOP_EVENT_KIND_PAGE_VIEWED" },
  };
  await api.client.call("intervention.v1.CampaignService/Create", { campaignId: "spring", campaign });
  const experiment = {
    ...{ displayName: "Tone", campaigns: ["spring"] },
    variants: [
      { variantId: "plain", weight: 1 },
      { variantId: "bold", weight: 1, treatment: { content: { title: "BOLD" } } },
    ],
    goals: [{ goalId: "orders", kind: "GOAL_KIND_BINARY", measure: { orders: "ORDER_MEASURE_COUNT" } }],
    autoPromotion: { usersMin: 300, after: { seconds: 3_600 }, ...autoPromotion },
    ...changes,
  };
  expect(await api.call("CreateExperiment", { experimentId: "tone", experiment })).toMatchObject({ code: 0 });
  await api.call("StartExperiment", { name: "tone" });
  await until(() => experiments.listRunning("main").length > 0, "experiment known");
  for (const variant of ["plain", "bold"] as const) await fill(variant);
  async function fill(variant: Variant) {
    const users = Array.from({ length: USERS }, (_, n) => `${variant}-${n}`);
    const at = new Date(clock);
    const stratum = "adaptive" in changes ? "[0]" : "[]";
    const exposure = { workspaceId: "main", experimentId: "tone", variant, at, stratum };
    await insertExposures(
      store,
      users.map((userId) => toExposure({ ...exposure, userId })),
    );
    const orders = users
      .filter((_, n) => n % 100 < rates[variant])
      .map((userId) => {
        const event = create(EventSchema, {
          ...{ eventId: toOrderKey("main", userId), kind: EventKind.CONVERTED, workspace: "main", userId },
          ...{ orderId: userId, currency: "EUR", valueMinor: 100n, occurTime: timestampFromDate(new Date(clock + 1)) },
        });
        return toStored(toEventDocument(event, at));
      });
    await insertEvents(store, orders);
    await creditAll(store, orders);
  }
  return {
    ...api,
    passHours: (hours: number) => {
      clock += hours * HOUR_MS;
    },
    promote: (holder = "one", given = store) =>
      tendExperiments({ store: given, bus, log, now, experiments, holder }, [{ id: "main" }]),
    looks: async () => (await api.call("ListExperimentLooks", { name: "tone" })).body.looks as { action: string }[],
    experiment: async () => (await api.call("GetExperiment", { name: "tone" })).body.experiment,
    campaign: async () =>
      (await api.client.call("intervention.v1.CampaignService/Get", { name: "spring" })).body.campaign,
    async [Symbol.asyncDispose]() {
      experiments.stop();
      await api[Symbol.asyncDispose]();
    },
  };
}

describe("an experiment that ends by itself", () => {
  it("waits for its time, looks once an hour whoever looks, and ships what is better, with a word on each look", async () => {
    await using engine = await start();
    await engine.promote("one");
    await engine.promote("two");
    await engine.promote("one");
    expect(await engine.looks()).toMatchObject([{ action: "ACTION_WAIT" }]);
    expect(await engine.campaign()).toMatchObject({ content: { title: "Plain" } });
    engine.passHours(2);
    await engine.promote("one");
    expect(await engine.looks()).toMatchObject([
      { action: "ACTION_SHIP", variantId: "bold", reason: expect.stringContaining('"bold" does better than "plain"') },
      { action: "ACTION_WAIT" },
    ]);
    expect(await engine.campaign()).toMatchObject({ content: { title: "BOLD" } });
    expect(await engine.experiment()).toMatchObject({
      ...{ state: "EXPERIMENT_STATE_STOPPED" },
      conclusion: { shipVariant: "bold", reason: expect.stringContaining("does better") },
    });
  });

  it("is ended in the next hour when whoever looked died after his word", async () => {
    await using engine = await start();
    engine.passHours(2);
    const experiments = Object.assign(Object.create(engine.store.experiments), {
      findOneAndUpdate: () => {
        throw new Unavailable("store", { cause: new Error("killed") });
      },
    });
    await expect(engine.promote("dying", { ...engine.store, experiments })).rejects.toThrow(Unavailable);
    await engine.promote("one");
    expect(await engine.experiment()).toMatchObject({ state: "EXPERIMENT_STATE_RUNNING" });
    engine.passHours(1);
    await engine.promote("one");
    expect(await engine.experiment()).toMatchObject({ state: "EXPERIMENT_STATE_STOPPED" });
    expect((await engine.looks()).map(({ action }) => action)).toEqual(["ACTION_SHIP", "ACTION_SHIP"]);
  });

  it("is paused when a variant does harm, where it is asked to, and nothing is shipped", async () => {
    await using engine = await start({ plain: 30, bold: 10 }, { pauseOnHarm: true });
    // Long before anything could be shipped.
    engine.passHours(0.5);
    await engine.promote();
    expect(await engine.looks()).toMatchObject([{ action: "ACTION_PAUSE" }]);
    expect(await engine.experiment()).toMatchObject({ state: "EXPERIMENT_STATE_PAUSED", conclusion: null });
    expect(await engine.campaign()).toMatchObject({ content: { title: "Plain" } });
  });

  it("gives newcomers more of what does better, once a day, and says what and why", async () => {
    await using engine = await start(RATES, {}, { adaptive: {}, autoPromotion: null });
    engine.passHours(2);
    await engine.promote();
    engine.passHours(23);
    await engine.promote();
    engine.passHours(2);
    await engine.promote();
    const looks = await engine.looks();
    expect(looks.map(({ action }) => action)).toEqual(["ACTION_WAIT", "ACTION_ALLOCATE", "ACTION_WAIT"]);
    expect(looks[1]).toMatchObject({ reason: expect.stringContaining('"bold" 95 % (best with probability 100 %)') });
    const { allocations } = (await engine.experiment()) as { allocations: { shares: number[] }[] };
    expect(allocations).toHaveLength(1);
    expect(allocations[0]?.shares[0]).toBeCloseTo(0.05, 6);
    expect(allocations[0]?.shares[1]).toBeCloseTo(0.95, 6);
    // What was asked before is compared as it was, and the sample ratio with it.
    const results = (await engine.call("AnalyzeExperiment", { name: "tone" })).body.results;
    expect(results).toMatchObject({ variants: [{ expectedShare: 0.5 }, { expectedShare: 0.5 }] });
    expect(results).toMatchObject({ comparisons: [{ claim: "CLAIM_BETTER" }], sampleRatioPValue: 1 });
  });

  it("waits while users are missing, whatever the figures say", async () => {
    await using engine = await start();
    await engine.store.exposures.deleteMany({ variant: "bold", userId: { $regex: "[0-4]$" } });
    engine.passHours(2);
    await engine.promote();
    expect(await engine.looks()).toMatchObject([
      { action: "ACTION_WAIT", reason: expect.stringContaining("did not get the users") },
    ]);
  });
});
