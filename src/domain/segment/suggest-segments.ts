import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Operator } from "../../../gen/intervention/v1/condition_pb.js";
import {
  type Segment,
  type SegmentRule,
  SegmentRuleSchema,
  SegmentSchema,
} from "../../../gen/intervention/v1/segment_pb.js";
import { DAY_MS } from "./shopper-facts.ts";

/** What a customer's orders come to. */
export type Customer = {
  /** Milliseconds since 1970. */
  readonly lastOrderMs: number;
  readonly orders: number;
  /** In minor units of the workspace's currency. */
  readonly totalMinor: number;
};

/** Segments by recency, frequency and monetary value (Bult and Wansbeek, "Optimal Selection for Direct Mail", Marketing Science
 *  14(4), 1995), with the fifths of these very customers as bounds, and by where a customer stands in his life with the shop. The bounds
 *  stand in the rules, so that everybody sees them and nothing shifts by itself.
 *  @returns none by fifths when there is nobody to take them from. */
export function suggestSegments(customers: readonly Customer[], nowMs: number): Segment[] {
  return [...(customers.length === 0 ? [] : toFifths(customers, nowMs)), ...LIFECYCLE];
}

function toFifths(customers: readonly Customer[], nowMs: number): Segment[] {
  const fifthsOf = (read: (customer: Customer) => number) => {
    const sorted = Float64Array.from(customers, read).sort();
    // The value that `share` of the customers are at or below (nearest rank).
    return (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  };
  const days = fifthsOf(({ lastOrderMs }) => Math.max(1, Math.ceil((nowMs - lastOrderMs) / DAY_MS)));
  const orders = fifthsOf((customer) => customer.orders);
  const total = fifthsOf(({ totalMinor }) => totalMinor);
  // Scores run from 1, the lowest fifth, to 5; in days since the last order few are high.
  const isRecent = (score: number) => lastOrderWithin(days((6 - score) / 5));
  const isFrequent = (score: number) => atLeast("orders.count", orders((score - 1) / 5));
  const isValuable = (score: number) => atLeast("orders.total.minor", total((score - 1) / 5));
  return [
    segment("rfm-champions", "Champions: lately, often and for much", [isRecent(4), isFrequent(4), isValuable(4)]),
    segment("rfm-loyal", "Loyal: often, and not long ago", [isRecent(3), isFrequent(4)]),
    segment("rfm-promising", "Promising: lately, not often yet", [isRecent(4), not(isFrequent(4))]),
    segment("rfm-at-risk", "At risk: often once, not for long now", [not(isRecent(3)), isFrequent(3), isValuable(3)]),
    segment("rfm-hibernating", "Hibernating: seldom, and long ago", [not(isRecent(3)), not(isFrequent(3))]),
  ];
}

const rule = (asked: SegmentRule["rule"]): SegmentRule => create(SegmentRuleSchema, { rule: asked });
const not = (one: SegmentRule) => rule({ case: "not", value: one });
const all = (rules: SegmentRule[]) =>
  rule({ case: "all", value: { $typeName: "intervention.v1.SegmentRule.List", rules } });

const atLeast = (field: string, bound: number) =>
  rule({
    case: "comparison",
    value: {
      ...{ $typeName: "intervention.v1.Condition.Comparison", field, operator: Operator.GREATER_OR_EQUAL },
      value: { $typeName: "google.protobuf.Value", kind: { case: "numberValue", value: bound } },
    },
  });

const WITHIN_DAYS_MAX = 366;

const lastOrderWithin = (days: number) =>
  rule({
    case: "recent",
    value: {
      ...{ $typeName: "intervention.v1.Condition.Recent", field: "orders.last_time" },
      within: durationFromMs(Math.min(days, WITHIN_DAYS_MAX) * DAY_MS),
    },
  });

const segment = (segmentId: string, displayName: string, rules: SegmentRule[]): Segment =>
  create(SegmentSchema, { segmentId, displayName, rule: all(rules) });

const hasOrdered = atLeast("orders.count", 1);
const LIFECYCLE: readonly Segment[] = [
  segment("life-prospect", "Prospect: no order yet", [not(hasOrdered)]),
  segment("life-new", "New: one order, within 30 days", [not(atLeast("orders.count", 2)), lastOrderWithin(30)]),
  segment("life-active", "Active: an order within 90 days", [hasOrdered, lastOrderWithin(90)]),
  segment("life-lapsing", "Lapsing: the last order 90 to 180 days ago", [
    not(lastOrderWithin(90)),
    lastOrderWithin(180),
  ]),
  segment("life-lost", "Lost: no order for 180 days", [hasOrdered, not(lastOrderWithin(180))]),
];
