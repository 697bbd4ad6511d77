import { Temporal } from "temporal-polyfill";

const HOUR_MS = 3_600_000;
/** The first zone's clocks are so far ahead of UTC, and the last one's so far behind. */
export const FIRST_ZONE_LEAD_MS = 14 * HOUR_MS;
export const LAST_ZONE_LAG_MS = 12 * HOUR_MS;

const WALL_TIME = /^\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d$/;

/** A date and a time of day, as ms since 1970 if a clock that shows UTC showed it.
 *  @returns undefined when it is not `YYYY-MM-DDTHH:MM`. */
export function parseWallTime(text: string): number | undefined {
  if (!WALL_TIME.test(text)) return undefined;
  const ms = Date.parse(`${text}:00Z`);
  return Number.isNaN(ms) || toWallText(ms) !== text ? undefined : ms;
}

/** `YYYY-MM-DDTHH:MM`. */
export const toWallText = (wallMs: number): string => new Date(wallMs).toISOString().slice(0, 16);

/** When the clock of a zone shows a time, ms since 1970. What it skips comes as much later as it skips, and what it shows twice at its
 *  first showing.
 *  @param wallMs as `parseWallTime` has it. */
export const toZoneTime = (wallMs: number, timeZone: string): number =>
  Temporal.PlainDateTime.from(toWallText(wallMs)).toZonedDateTime(timeZone).epochMilliseconds;

/** When the clocks of any of these zones show a time, first to last, each once. */
export const toZoneTimes = (wallMs: number, timeZones: readonly string[]): number[] =>
  [...new Set(timeZones.map((zone) => toZoneTime(wallMs, zone)))].sort((a, b) => a - b);

/** Which of some times somebody is reached at whose own is this: the first that is not before it, or else the last.
 *  @param times ms since 1970, ascending. */
export function findPass(times: readonly number[], ownMs: number): number {
  const pass = times.findIndex((ms) => ms >= ownMs);
  return pass < 0 ? times.length - 1 : pass;
}
