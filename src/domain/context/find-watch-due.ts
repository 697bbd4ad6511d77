import type { SilenceBounds } from "./judge-silence.ts";

/** The clocks of machines that write and read watches may differ by this much. */
const SKEW_MS = 1_000;
/** Late activities of one shopper share a watch for so long. */
const SLOT_MS = 500;

/** When a watch has to fall due so that the silence after an activity is judged in time: a watch covers every activity that is kept
 *  before it falls due, since whoever finds it due looks at all that is known then, and makes another one when there was more.
 *
 *      kept at now ──SKEW──► earliest … due … activity + afterMs
 *
 *  @param activityMs when the shopper did something that is kept by now, ms since 1970.
 *  @param options.openDueMs when a watch falls due that is known to be there.
 *  @returns undefined when none is needed: the one that is there will do, or the activity is of no interest any more. */
export function findWatchDue(
  activityMs: number,
  options: SilenceBounds & { readonly nowMs: number; readonly openDueMs: number | undefined },
): number | undefined {
  const { afterMs, ageMsMax, nowMs, openDueMs } = options;
  const silentMs = activityMs + afterMs;
  if (silentMs < nowMs - ageMsMax) return undefined;
  const earliestMs = nowMs + SKEW_MS;
  // Of an activity that comes late the silence may be due already; its watch must still be found after the activity is kept.
  const dueMs = silentMs >= earliestMs ? silentMs : Math.ceil(earliestMs / SLOT_MS) * SLOT_MS;
  return openDueMs !== undefined && openDueMs >= earliestMs && openDueMs <= dueMs ? undefined : dueMs;
}
