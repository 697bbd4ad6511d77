import { create } from "@bufbuild/protobuf";
import { describe, expect, it, test } from "vitest";
import { EventKind } from "../../../gen/intervention/v1/event_pb.js";
import { ExperimentGoalSchema, GoalKind, OrderMeasure } from "../../../gen/intervention/v1/experiment_pb.js";
import { ShopEventKind } from "../../../gen/intervention/v1/shopper_pb.js";
import { type Happening, measureUser, toWaitMs } from "./measure-user.ts";

const DAY_MS = 86_400_000;
const span = { sinceMs: 100 * DAY_MS, untilMs: 130 * DAY_MS };
const on = (day: number) => day * DAY_MS;
const order = (day: number, valueMinor: number, currency = "EUR"): Happening => ({
  ...{ kind: "order", atMs: on(day), valueMinor, currency },
});
const viewed = (day: number): Happening => ({ kind: "shop_event", atMs: on(day), of: ShopEventKind.PAGE_VIEWED });
const clicked = (day: number): Happening => ({ kind: "event", atMs: on(day), of: EventKind.CLICKED });

const count = { of: { case: "orders" as const, value: OrderMeasure.COUNT } };
const value = { of: { case: "orders" as const, value: OrderMeasure.VALUE } };
const views = { of: { case: "shopEvent" as const, value: ShopEventKind.PAGE_VIEWED } };
const clicks = { of: { case: "event" as const, value: EventKind.CLICKED } };
const days = (n: number) => ({ seconds: BigInt(n * 86_400), nanos: 0 });
const goal = (changes: object) => create(ExperimentGoalSchema, { goalId: "g", kind: GoalKind.MEAN, ...changes });

const done = [
  order(90, 500),
  order(100, 1_999),
  order(105, 1),
  order(110, 700, "USD"),
  viewed(101),
  viewed(131),
  clicked(120),
];

describe("what a goal comes to of a user", () => {
  test.each([
    ["orders since he came in", { measure: count }, { value: 3 }],
    ["orders within its window, whose end is outside", { measure: count, window: days(10) }, { value: 2 }],
    ["whether there was any", { kind: GoalKind.BINARY, measure: count }, { value: 1 }],
    ["whether there was none", { kind: GoalKind.BINARY, measure: count, window: { nanos: 0 } }, { value: 0 }],
    ["money of its currency alone, in whole units", { measure: value, currency: "EUR" }, { value: 20 }],
    ["money of a currency without smaller units", { measure: value, currency: "JPY" }, { value: 0 }],
    ["what he did in the shop, up to now", { measure: views }, { value: 1 }],
    ["what he clicked", { measure: clicks }, { value: 1 }],
    ["the same from before", { measure: count, before: days(10) }, { value: 3, before: 1 }],
    [
      "one measure over another",
      { kind: GoalKind.RATIO, measure: value, dividedBy: count, currency: "EUR" },
      { value: 20, denominator: 3 },
    ],
  ])("is %s", (_, changes, expected) => {
    expect(measureUser(goal(changes), done, span)).toEqual(expected);
  });

  it("is final when the longest of the windows is over", () => {
    expect(toWaitMs([goal({}), goal({ window: days(2) }), goal({ window: days(7) })])).toBe(7 * DAY_MS);
    expect(toWaitMs([goal({})])).toBe(0);
  });
});
