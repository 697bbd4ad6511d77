import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import {
  creditAll,
  insertEvents,
  insertExposures,
  toEventDocument,
  toExposure,
  toOrderKey,
  toStored,
} from "../store/index.ts";
import { startCallers } from "./testing/start-callers.ts";

/** Users of each group and variant, and how many of a hundred order. */
const USERS = 400;
const RATES = { gold: { plain: 50, bold: 10 }, rest: { plain: 10, bold: 50 } } as const;
type Estimate = { value: number; low: number; high: number };
type Evaluation = { ips: Estimate; snips: Estimate; dr: Estimate; loggedMean: number; rounds: string };

describe("what another way to choose variants would have earned", () => {
  let api: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => {
    api = await start();
  });
  afterAll(() => api[Symbol.asyncDispose]());

  async function start() {
    const callers = await startCallers("intervention.v1.OptimizationService");
    const { client, store } = callers;
    const trigger = { event: "SHOP_EVENT_KIND_PAGE_VIEWED" };
    const campaign = { displayName: "Spring", trigger, content: { title: "Plain" } };
    await client.call("intervention.v1.CampaignService/Create", { campaignId: "spring", campaign });
    const experiment = {
      ...{ displayName: "Tone", campaigns: ["spring"], stratifyBy: ["plan"] },
      variants: [
        { variantId: "plain", weight: 1 },
        { variantId: "bold", weight: 1 },
        { variantId: "none", weight: 1, holdout: true },
      ],
      goals: [{ goalId: "orders", kind: "GOAL_KIND_BINARY", measure: { orders: "ORDER_MEASURE_COUNT" } }],
    };
    await client.call("intervention.v1.ExperimentService/CreateExperiment", { experimentId: "tone", experiment });
    await client.call("intervention.v1.ExperimentService/CreateExperiment", { experimentId: "draft", experiment });
    expect((await client.call("intervention.v1.ExperimentService/StartExperiment", { name: "tone" })).code).toBe(0);
    const at = new Date(Date.now() - 60_000);
    for (const [plan, rates] of Object.entries(RATES))
      for (const [variant, rate] of Object.entries({ ...rates, none: 0 })) {
        const users = Array.from({ length: USERS }, (_, n) => `${plan}-${variant}-${n}`);
        const exposure = { workspaceId: "main", experimentId: "tone", variant, at, stratum: JSON.stringify([plan]) };
        await insertExposures(
          store,
          users.map((userId) => toExposure({ ...exposure, userId })),
        );
        const orders = users
          .filter((_, n) => n % 100 < rate)
          .map((userId) => {
            const event = create(EventSchema, {
              ...{ eventId: toOrderKey("main", userId), kind: EventKind.CONVERTED, workspace: "main", userId },
              ...{ orderId: userId, currency: "EUR", valueMinor: 100n },
              occurTime: timestampFromDate(new Date(at.getTime() + 1_000)),
            });
            return toStored(toEventDocument(event, at));
          });
        await insertEvents(store, orders);
        await creditAll(store, orders);
      }
    return callers;
  }
  const evaluate = async (request: object) =>
    (await api.call("EvaluateVariants", { experiment: "tone", ...request })).body.evaluation as Evaluation;

  it("is known for one variant for everybody", async () => {
    const plain = await evaluate({ always: "plain" });
    expect(plain).toMatchObject({ rounds: String(4 * USERS), loggedMean: 0.3 });
    expect(plain.snips.value).toBeCloseTo(0.3, 10);
    expect(plain.ips.low).toBeLessThan(0.3);
    expect(plain.ips.high).toBeGreaterThan(0.3);
  });

  it("is known for what is best in each group, on users that it was not chosen by", async () => {
    const best = await evaluate({ bestByGroup: true });
    expect(Number(best.rounds)).toBeLessThan(4 * USERS);
    expect(best.dr.value).toBeGreaterThan(0.42);
    expect(best.dr.low).toBeLessThan(0.5);
    expect(best.dr.high).toBeGreaterThan(0.5);
    expect(best.dr.low).toBeGreaterThan(0.35);
  });

  it("is not asked of a holdout, a draft, or another workspace's experiment", async () => {
    const ask = (request: object) => api.call("EvaluateVariants", request);
    expect(await ask({ experiment: "tone", always: "none" })).toMatchObject({ code: 3 });
    expect(await ask({ experiment: "draft", always: "plain" })).toMatchObject({ code: 9 });
    expect(await api.callAsStranger("EvaluateVariants", { experiment: "tone", always: "plain" })).toMatchObject({
      code: 5,
    });
  });
});
