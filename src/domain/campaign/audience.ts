import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { Audience } from "../../../gen/intervention/v1/campaign_pb.js";
import { type Due, findDue, findNextDue, type Recurrence } from "../schedule/due-times.ts";
import { FIRST_ZONE_LEAD_MS, LAST_ZONE_LAG_MS, parseWallTime, toZoneTime } from "./wall-time.ts";

/** When an audience is due. A time on each user's own clock is kept as if that clock showed UTC, and is due when the first zone's shows it. */
type Plan = { readonly recurrence: Recurrence; readonly isOwnClock: boolean };

/** How far a campaign has come, ms since 1970. */
export type AudienceStanding = {
  /** When it last began to run. */
  readonly startedMs: number;
  /** Due times up to this one are dealt with; undefined: none is. */
  readonly handledMs: number | undefined;
};

function toPlan({ when, timeZone }: Audience): Plan {
  const isOwnClock = timeZone === "";
  switch (when.case) {
    case undefined:
      return { recurrence: { kind: "once", atMs: 0 }, isOwnClock: false };
    case "at":
      return { recurrence: { kind: "once", atMs: timestampMs(when.value) }, isOwnClock: false };
    case "localAt": {
      const wallMs = parseWallTime(when.value) ?? 0;
      return { recurrence: { kind: "once", atMs: isOwnClock ? wallMs : toZoneTime(wallMs, timeZone) }, isOwnClock };
    }
    case "cron":
      return { recurrence: { kind: "cron", pattern: when.value, timeZone: isOwnClock ? "UTC" : timeZone }, isOwnClock };
  }
}

/** Whether it is sent once, and done then. */
export const isSentOnce = (audience: Audience): boolean => audience.when.case !== "cron";

/** The first due time that nobody has dealt with; undefined when there is none any more. What recurs is due only while the campaign
 *  runs, on users' own clocks as far as those are behind. */
export function findNextRun(audience: Audience, { startedMs, handledMs }: AudienceStanding): number | undefined {
  const { recurrence, isOwnClock } = toPlan(audience);
  const leadMs = isOwnClock ? FIRST_ZONE_LEAD_MS : 0;
  const beforeMs = isOwnClock ? startedMs - FIRST_ZONE_LEAD_MS - LAST_ZONE_LAG_MS : startedMs;
  const afterMs = recurrence.kind === "once" ? (handledMs ?? -1 - leadMs) : Math.max(handledMs ?? 0, beforeMs);
  const nextMs = findNextDue(recurrence, afterMs + leadMs);
  return nextMs === undefined ? undefined : nextMs - leadMs;
}

/** A run that is due. */
export type DueRun = Pick<Due, "missed"> & {
  readonly dueMs: number;
  /** The time on each user's own clock, as if it showed UTC; absent: everybody at the same time. */
  readonly wallMs?: number;
};

/** A run that is due by now; undefined when none is. Of several it is the newest, but on users' own clocks the oldest that is not over:
 *  yesterday's is still on its way round the world when today's begins. */
export function findDueRun(audience: Audience, standing: AudienceStanding, nowMs: number): DueRun | undefined {
  const nextMs = findNextRun(audience, standing);
  if (nextMs === undefined) return undefined;
  const { recurrence, isOwnClock } = toPlan(audience);
  if (!isOwnClock) {
    const { dueMs, missed } = findDue(recurrence, nextMs, nowMs);
    return dueMs === undefined ? undefined : { dueMs, missed };
  }
  const over = findDue(recurrence, nextMs + FIRST_ZONE_LEAD_MS, nowMs - LAST_ZONE_LAG_MS);
  const missed = over.dueMs === undefined ? 0 : over.missed + 1;
  const isBegun = over.nextMs !== undefined && over.nextMs - FIRST_ZONE_LEAD_MS <= nowMs;
  const wallMs = isBegun ? over.nextMs : over.dueMs;
  if (wallMs === undefined) return undefined;
  return { dueMs: wallMs - FIRST_ZONE_LEAD_MS, wallMs, missed: isBegun ? missed : over.missed };
}
