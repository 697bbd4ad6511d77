import { attributePath } from "./attribute-path.ts";
import type { PathModel } from "./path-model.ts";
import { eligibleTouches, type Touch, type Windows } from "./touch.ts";

/** The models that look at one path at a time, by name. */
const PATH_MODELS = {
  first: { kind: "first" },
  last: { kind: "last" },
  last_non_direct: { kind: "last_non_direct" },
  linear: { kind: "linear" },
  time_decay: { kind: "time_decay", halfLifeDays: 7 },
  position_based: { kind: "position_based" },
} as const satisfies Readonly<Record<string, PathModel>>;
export type PathModelName = keyof typeof PATH_MODELS;

/** By which revenue is shown where nobody asks for another. */
export const MODEL_SHOWN: PathModelName = "last";

const DAY_MS = 86_400_000;
/** A click counts for a week, and having seen something for a day. */
export const WINDOWS: Windows = { clickMs: 7 * DAY_MS, viewMs: DAY_MS };

/** What a campaign's touches are credited for. */
export type CreditWindows = {
  readonly clickMs: number;
  /** Undefined: having seen something counts nowhere. */
  readonly viewMs: number | undefined;
};

/** An order as far as it is known, and what is left of it after refunds. */
export type CreditedOrder = {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly valueMinor: number;
  /** Never more than the value. */
  readonly refundedMinor: number;
};

/** What every model credits an order's net value to: the touches of its path, oldest first, and the minor units of each, which sum to the
 *  net value exactly. An order without a path has no credits.
 *  @param windowsOf of the touch's campaign; default: WINDOWS for all. */
export function creditOrder<T extends Touch>(
  touches: readonly T[],
  { at, valueMinor, refundedMinor }: CreditedOrder,
  windowsOf: (touch: T) => CreditWindows = () => WINDOWS,
): { readonly path: readonly T[]; readonly credits: Readonly<Record<PathModelName, readonly number[]>> } {
  const path = touches
    .filter((touch) => isEligible(touch, at, windowsOf(touch)))
    // Stable: those of one time stay in the order they came.
    .sort((a, b) => a.at - b.at);
  const conversion = { at, value: valueMinor - refundedMinor };
  const credits = Object.entries(PATH_MODELS).map(([name, model]) => [
    name,
    attributePath(path, conversion, { model, windows: ALL }).credits.map(({ credit }) => credit),
  ]);
  return { path, credits: Object.fromEntries(credits) as Record<PathModelName, readonly number[]> };
}

/** For a path of which every touch was found to count. */
const ALL: Windows = { clickMs: Number.POSITIVE_INFINITY, viewMs: Number.POSITIVE_INFINITY };

function isEligible(touch: Touch, orderAt: number, { clickMs, viewMs }: CreditWindows): boolean {
  if (touch.kind === "view" && viewMs === undefined) return false;
  return eligibleTouches([touch], orderAt, { clickMs, viewMs: viewMs ?? 0 }).length > 0;
}
