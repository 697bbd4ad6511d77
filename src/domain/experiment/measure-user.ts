import { durationMs } from "@bufbuild/protobuf/wkt";
import type { EventKind } from "../../../gen/intervention/v1/event_pb.js";
import {
  type ExperimentGoal,
  GoalKind,
  type Measure,
  OrderMeasure,
} from "../../../gen/intervention/v1/experiment_pb.js";
import type { ShopEventKind } from "../../../gen/intervention/v1/shopper_pb.js";

/** Something that a person did. */
export type Happening =
  | {
      readonly kind: "order";
      /** Ms since 1970. */
      readonly atMs: number;
      /** Less what was refunded. */
      readonly valueMinor: number;
      readonly currency: string;
    }
  | { readonly kind: "shop_event"; readonly atMs: number; readonly of: ShopEventKind }
  | { readonly kind: "event"; readonly atMs: number; readonly of: EventKind };

/** What a goal comes to of one user. */
export type UserValue = {
  readonly value: number;
  /** Of a ratio: what is divided by. */
  readonly denominator?: number;
  /** The same from before he came in, where the goal asks for it. */
  readonly before?: number;
};

/** When a user came in, and up to when is counted where a goal has no window; ms since 1970. */
export type Span = { readonly sinceMs: number; readonly untilMs: number };

/** Adds up what a user did since he came in. Money is in units of the currency, not in minor ones. */
export function measureUser(
  goal: Pick<ExperimentGoal, "kind" | "measure" | "dividedBy" | "window" | "before" | "currency">,
  happenings: readonly Happening[],
  { sinceMs, untilMs }: Span,
): UserValue {
  const endMs = goal.window === undefined ? untilMs : sinceMs + durationMs(goal.window);
  const add = (measure: Measure | undefined, fromMs: number, toMs: number) => {
    let sum = 0;
    for (const one of happenings)
      if (one.atMs >= fromMs && one.atMs < toMs) sum += amountOf(one, measure, goal.currency);
    return sum;
  };
  const sum = add(goal.measure, sinceMs, endMs);
  if (goal.kind === GoalKind.BINARY) return { value: Number(sum > 0) };
  if (goal.kind === GoalKind.RATIO) return { value: sum, denominator: add(goal.dividedBy, sinceMs, endMs) };
  if (goal.before === undefined) return { value: sum };
  return { value: sum, before: add(goal.measure, sinceMs - durationMs(goal.before), sinceMs) };
}

function amountOf(happening: Happening, measure: Measure | undefined, currency: string): number {
  const of = measure?.of;
  if (of?.case === "orders" && happening.kind === "order") {
    if (of.value === OrderMeasure.COUNT) return 1;
    return happening.currency === currency ? happening.valueMinor / minorUnitsOf(currency) : 0;
  }
  if (of?.case === "shopEvent" && happening.kind === "shop_event") return Number(happening.of === of.value);
  if (of?.case === "event" && happening.kind === "event") return Number(happening.of === of.value);
  return 0;
}

const units = new Map<string, number>();

/** How many minor units make one, such as 100 cents. */
function minorUnitsOf(currency: string): number {
  const known = units.get(currency);
  if (known !== undefined) return known;
  const format = new Intl.NumberFormat("en", { style: "currency", currency });
  const found = 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2);
  units.set(currency, found);
  return found;
}

/** How long after coming in a user is measured by every goal: the longest window. */
export function toWaitMs(goals: readonly Pick<ExperimentGoal, "window">[]): number {
  return Math.max(0, ...goals.map(({ window }) => (window === undefined ? 0 : durationMs(window))));
}
