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

/** An order as far as it is known, and what is left of it after refunds. */
export type CreditedOrder = {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly valueMinor: number;
  /** Never more than the value. */
  readonly refundedMinor: number;
};

/** What every model credits an order's net value to: the touches of its path, oldest first, and the minor units of each, which sum to the
 *  net value exactly. An order without a path has no credits. */
export function creditOrder<T extends Touch>(
  touches: readonly T[],
  { at, valueMinor, refundedMinor }: CreditedOrder,
): { readonly path: readonly T[]; readonly credits: Readonly<Record<PathModelName, readonly number[]>> } {
  const path = eligibleTouches(touches, at, WINDOWS);
  const byId = new Map(touches.map((touch) => [touch.id, touch]));
  const conversion = { at, value: valueMinor - refundedMinor };
  const credits = Object.entries(PATH_MODELS).map(([name, model]) => [
    name,
    attributePath(path, conversion, { model, windows: WINDOWS }).credits.map(({ credit }) => credit),
  ]);
  return {
    path: path.flatMap(({ id }) => byId.get(id) ?? []),
    credits: Object.fromEntries(credits) as Record<PathModelName, readonly number[]>,
  };
}
