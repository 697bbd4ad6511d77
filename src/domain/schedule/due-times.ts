import { Cron } from "croner";

/** When something is due: once, or again and again by the clock on the wall of a time zone. */
export type Recurrence =
  | { readonly kind: "once"; readonly atMs: number }
  | { readonly kind: "cron"; readonly pattern: string; readonly timeZone: string };

/** What is due at a moment, and when the next time comes. */
export type Due = {
  /** The newest due time, undefined when none has come; ms since 1970. */
  readonly dueMs: number | undefined;
  /** Those before it, which nobody ran: the engine was down. Beyond some hundred it is at least so many. */
  readonly missed: number;
  /** The next one; undefined when there is none any more. */
  readonly nextMs: number | undefined;
};

/** More than these are not counted: what is due each minute need not be gone through for years. */
const MISSED_MAX = 100;

/** The first due time after a moment; undefined when there is none.
 *  A time of day that the clock skips is due the moment it skips it, and one that it shows twice at its first showing: once a day in
 *  either case. */
export function findNextDue(recurrence: Recurrence, afterMs: number): number | undefined {
  if (recurrence.kind === "once") return recurrence.atMs > afterMs ? recurrence.atMs : undefined;
  const cron = new Cron(recurrence.pattern, { timezone: recurrence.timeZone, paused: true, mode: "5-part" });
  return cron.nextRun(new Date(afterMs))?.getTime();
}

/** @param nextMs the first due time that nobody has dealt with. */
export function findDue(recurrence: Recurrence, nextMs: number, nowMs: number): Due {
  if (nextMs > nowMs) return { dueMs: undefined, missed: 0, nextMs };
  let [dueMs, missed] = [nextMs, 0];
  for (;;) {
    const following = findNextDue(recurrence, dueMs);
    if (following === undefined || following > nowMs) return { dueMs, missed, nextMs: following };
    dueMs = following;
    missed += 1;
    if (missed === MISSED_MAX) dueMs = Math.max(dueMs, findLast(recurrence, nowMs) ?? dueMs);
  }
}

/** Looks back in growing spans for a due time that is not yet to come. */
function findLast(recurrence: Recurrence, nowMs: number): number | undefined {
  for (let spanMs = 60_000; spanMs < nowMs; spanMs *= 4) {
    const found = findNextDue(recurrence, nowMs - spanMs);
    if (found !== undefined && found <= nowMs) return found;
  }
  return undefined;
}

/** @returns what is wrong with a pattern, or undefined. Five fields, as cron has them, and no more often than each minute. */
export function findPatternProblem(pattern: string): string | undefined {
  try {
    new Cron(pattern, { paused: true, mode: "5-part" });
    return undefined;
  } catch (error) {
    return `it is no cron pattern of five fields: ${error instanceof Error ? error.message : String(error)}`;
  }
}
