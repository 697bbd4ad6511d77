import type { ContextState } from "../../../gen/intervention/v1/context_state_pb.js";
import { hasItems } from "./to-context.ts";

/** What counts as a cart left behind. */
export type SilenceBounds = {
  /** So long after the shopper's last activity, ms; at least 1. */
  readonly afterMs: number;
  /** A cart that was left behind longer ago than this is of no interest any more, ms. */
  readonly ageMsMax: number;
};

/** What a shopper's silence has come to. */
export type Silence =
  /** There is nothing left behind. */
  | { readonly kind: "cart_empty" }
  /** It is said already that this cart was left behind, by us or by the platform. */
  | { readonly kind: "said" }
  /** It has not lasted long enough: nothing is to be said before `dueMs`. */
  | { readonly kind: "lasting"; readonly dueMs: number }
  /** It was due so long ago that whoever hears of it now would only be surprised. */
  | { readonly kind: "too_old"; readonly dueMs: number }
  /** The cart was left behind at `dueMs`, ms since 1970, after an activity at `sinceUs`, microseconds since 1970. */
  | { readonly kind: "abandoned"; readonly sinceUs: number; readonly dueMs: number };

/** Judges the silence since a shopper's last activity. An event that says that a cart was left behind is no activity, and belongs to
 *  the silence in which it lies: one a silence is enough, whoever says it. */
export function judgeSilence(
  state: ContextState,
  { afterMs, ageMsMax, nowMs }: SilenceBounds & { readonly nowMs: number },
): Silence {
  if (!hasItems(state)) return { kind: "cart_empty" };
  // Whatever is newer than the last thing the shopper did himself says that he left.
  if (state.lastEventUs > state.activityUs) return { kind: "said" };
  const dueMs = Math.floor(state.activityUs / 1e3) + afterMs;
  if (nowMs < dueMs) return { kind: "lasting", dueMs };
  if (dueMs < nowMs - ageMsMax) return { kind: "too_old", dueMs };
  return { kind: "abandoned", sinceUs: state.activityUs, dueMs };
}
