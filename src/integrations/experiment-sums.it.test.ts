import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { Actor, EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import {
  type Experiment,
  ExperimentMethod_Kind,
  ExperimentSchema,
  GoalKind,
  OrderMeasure,
} from "../../gen/intervention/v1/experiment_pb.js";
import { Channel } from "../../gen/intervention/v1/intervention_pb.js";
import { ShopEventKind } from "../../gen/intervention/v1/shopper_pb.js";
import { connectParts } from "../api/testing/start-api.ts";
import { shopEvent } from "../roles/testing/shop-event.ts";
import {
  creditAll,
  insertEvents,
  insertExposures,
  insertShopEvents,
  profileId,
  type Store,
  toEventDocument,
  toExposure,
  toOrderKey,
  toStored,
} from "../store/index.ts";
import { collectSums } from "./experiment-sums.ts";

const DAY_MS = 86_400_000;
const NOW = new Date(1_800_000_000_000);
const daysAgo = (days: number) => new Date(NOW.getTime() - days * DAY_MS);
const orders = { of: { case: "orders" as const, value: OrderMeasure.COUNT } };
const clicks = { of: { case: "event" as const, value: EventKind.CLICKED } };
const done = (value: ShopEventKind) => ({ of: { case: "shopEvent" as const, value } });

const experiment = (changes: object = {}): Experiment =>
  create(ExperimentSchema, {
    ...{ experimentId: "e", control: "a", campaigns: ["spring"] },
    variants: [
      { variantId: "a", weight: 1 },
      { variantId: "b", weight: 1 },
    ],
    goals: [{ goalId: "orders", kind: GoalKind.MEAN, measure: orders }],
    ...changes,
  });

async function start() {
  const parts = await connectParts();
  const { store } = parts;
  let told = 0;
  const event = async (userId: string, at: Date, changes: object) => {
    told += 1;
    const made = create(EventSchema, {
      ...{ eventId: `iv${told}:clicked:${told}`, kind: EventKind.CLICKED, workspace: "main", userId },
      ...{ interventionId: `iv${told}`, campaign: "spring", channel: Channel.INBOX, occurTime: timestampFromDate(at) },
      ...changes,
    });
    const stored = [toStored(toEventDocument(made, at))];
    await insertEvents(store, stored);
    await creditAll(store, stored);
  };
  return {
    ...parts,
    event,
    expose: (userId: string, variant: string, at: Date, stratum = "[]") =>
      insertExposures(store, [toExposure({ workspaceId: "main", userId, experimentId: "e", variant, at, stratum })]),
    order: (userId: string, at: Date) => {
      const orderId = `o${told}`;
      const order = { orderId, currency: "EUR", valueMinor: 100n, interventionId: "", campaign: "" };
      return event(userId, at, { ...order, eventId: toOrderKey("main", orderId), kind: EventKind.CONVERTED });
    },
    collect: async (given = experiment()) => {
      const { groups, ...more } = await collectSums(store, { workspaceId: "main", experiment: given }, NOW);
      const sums = groups.map(({ arm, stratum, sums: { users, metrics } }) => ({ arm, stratum, users, metrics }));
      return { ...more, sums: sums.toSorted((x, y) => (x.arm + x.stratum < y.arm + y.stratum ? -1 : 1)) };
    },
  };
}

async function merge(store: Store, from: string, into: string): Promise<void> {
  const record = { workspaceId: "main", mergedAt: NOW, taken: [], outdated: [] };
  await store.profileMerges.insertOne({ _id: profileId("main", from), from, into, ...record });
}

describe("what is collected of an experiment", () => {
  it("is what each did since he came in, holdouts and those who did nothing included, and nobody else's", async () => {
    await using parts = await start();
    await parts.expose("ada", "a", daysAgo(9), '["gold"]');
    await parts.expose("bob", "b", daysAgo(9));
    await parts.expose("cy", "b", daysAgo(9));
    await parts.order("ada", daysAgo(10));
    await parts.order("ada", daysAgo(8));
    await parts.order("ada", daysAgo(1));
    await parts.order("bob", daysAgo(2));
    await parts.order("stranger", daysAgo(2));
    const { assigned, crossedOver, reached, sums } = await parts.collect();
    expect(Object.fromEntries(assigned)).toEqual({ a: 1, b: 2 });
    expect({ crossedOver, reached }).toEqual({ crossedOver: 0, reached: undefined });
    expect(sums).toMatchObject([
      { arm: "a", stratum: '["gold"]', users: 1, metrics: { orders: { sum: 2, sumSquares: 4 } } },
      { arm: "b", stratum: "[]", users: 2, metrics: { orders: { sum: 1, sumSquares: 1 } } },
    ]);
  });

  it("counts what people clicked of its campaigns and did in the shop, and not what programs did", async () => {
    await using parts = await start();
    await parts.expose("ada", "a", daysAgo(9));
    await parts.event("ada", daysAgo(8), {});
    await parts.event("ada", daysAgo(8), { actor: Actor.SCANNER });
    await parts.event("ada", daysAgo(8), { campaign: "autumn" });
    const placed = { ...shopEvent("ada", "placed", daysAgo(7)), workspaceId: "main" };
    await insertShopEvents(parts.store, [placed], NOW);
    const goals = [
      { goalId: "clicks", kind: GoalKind.MEAN, measure: clicks },
      { goalId: "placed", kind: GoalKind.MEAN, measure: done(ShopEventKind.ORDER_PLACED) },
      { goalId: "viewed", kind: GoalKind.MEAN, measure: done(ShopEventKind.PAGE_VIEWED) },
    ];
    const { sums } = await parts.collect(experiment({ goals }));
    expect(sums[0]?.metrics).toMatchObject({ clicks: { sum: 1 }, placed: { sum: 1 }, viewed: { sum: 0 } });
  });

  it("is one user's under all of his ids, as the first variant he had, and says how many have had several", async () => {
    await using parts = await start();
    await parts.expose("guest", "b", daysAgo(9));
    await parts.expose("phone", "a", daysAgo(8));
    await parts.expose("ada", "b", daysAgo(7));
    await merge(parts.store, "phone", "guest");
    await merge(parts.store, "guest", "ada");
    await parts.order("phone", daysAgo(6));
    await parts.order("ada", daysAgo(5));
    const { assigned, crossedOver, sums } = await parts.collect();
    expect(Object.fromEntries(assigned)).toEqual({ b: 1 });
    expect(crossedOver).toBe(1);
    expect(sums).toMatchObject([{ arm: "b", users: 1, metrics: { orders: { sum: 2, sumSquares: 4 } } }]);
  });

  it("is of those alone whose windows are over, though all who came in count for the sample ratio", async () => {
    await using parts = await start();
    await parts.expose("ada", "a", daysAgo(9));
    await parts.expose("bob", "b", daysAgo(6));
    await parts.order("ada", daysAgo(8));
    await parts.order("ada", daysAgo(1));
    const goals = [{ goalId: "orders", kind: GoalKind.MEAN, measure: orders, window: durationFromMs(7 * DAY_MS) }];
    const { assigned, sums } = await parts.collect(experiment({ goals }));
    expect(Object.fromEntries(assigned)).toEqual({ a: 1, b: 1 });
    expect(sums).toMatchObject([{ arm: "a", users: 1, metrics: { orders: { sum: 1 } } }]);
    expect(sums).toHaveLength(1);
  });

  it("at a planned look is of the first so many, and the same however late it is asked for", async () => {
    await using parts = await start();
    for (let n = 0; n < 10; n += 1) await parts.expose(`u${n}`, n % 2 === 0 ? "a" : "b", daysAgo(30 - n));
    await parts.order("u1", daysAgo(28));
    await parts.order("u7", daysAgo(22));
    const planned = {
      goals: [{ goalId: "orders", kind: GoalKind.MEAN, measure: orders, window: durationFromMs(7 * DAY_MS) }],
      plannedUsers: 12n,
      method: { kind: ExperimentMethod_Kind.GROUP_SEQUENTIAL, looks: [0.25, 0.5, 1] },
    };
    const { assigned, reached, sums } = await parts.collect(experiment(planned));
    expect(reached).toEqual([3, 6]);
    expect(Object.fromEntries(assigned)).toEqual({ a: 5, b: 5 });
    expect(sums).toMatchObject([
      { arm: "a", users: 3, metrics: { orders: { sum: 0 } } },
      { arm: "b", users: 3, metrics: { orders: { sum: 1 } } },
    ]);
    const none = await parts.collect(experiment({ ...planned, plannedUsers: 100n }));
    expect(none).toMatchObject({ reached: [], sums: [] });
  });

  it("ends where the experiment was stopped, for goals without a window", async () => {
    await using parts = await start();
    await parts.expose("ada", "a", daysAgo(9));
    await parts.order("ada", daysAgo(8));
    await parts.order("ada", daysAgo(1));
    const { sums } = await parts.collect(experiment({ stopTime: timestampFromDate(daysAgo(4)) }));
    expect(sums).toMatchObject([{ metrics: { orders: { sum: 1 } } }]);
  });
});
