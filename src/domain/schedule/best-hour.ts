import { Temporal } from "temporal-polyfill";
import { findQuietEnd, type MinuteOfDay } from "./quiet-hours.ts";

/** Something that a user looked at or clicked. */
export type PastTouch = { readonly at: Date; readonly kind: "view" | "click" };

const HOURS = 24;
/** A click says more than a look. */
const WORTH = { view: 1, click: 2 } as const;
/** After so long a touch counts half: habits change with seasons and jobs. */
const HALF_LIFE_MS = 30 * 86_400_000;
/** Half of a touch counts for its own hour, a quarter for each of its neighbours: 18:59 and 19:01 are the same habit. */
const SPREAD = [0.25, 0.5, 0.25] as const;
/** The workspace's hours count as much as so many fresh looks of the user's own, so that the first few change little. */
const USUAL_TOUCHES = 8;
/** The hours of waking count as much as so many looks in the whole workspace. */
const WAKING_TOUCHES = 24;
/** Where nothing is known of anybody: 9:00 to 21:00 by the user's clock. */
const WAKING = { from: 9, until: 21, nightShare: 0.05 } as const;

/** How likely a user looks at a message in each hour of his day, from what he looked at before; with nothing known of him, what is
 *  usual in the workspace.
 *  @param options.usual touches in the workspace by hour of day, any scale. @returns 24 shares that sum to 1. */
export function toHourShares(
  touches: readonly PastTouch[],
  options: { readonly now: Date; readonly timeZone: string; readonly usual: readonly number[] },
): number[] {
  const { now, timeZone, usual } = options;
  const own = Array.from({ length: HOURS }, () => 0);
  for (const { at, kind } of touches) {
    const ageMs = Math.max(0, now.getTime() - at.getTime());
    const weight = WORTH[kind] * 2 ** (-ageMs / HALF_LIFE_MS);
    const hour = toLocal(at, timeZone).hour;
    for (const [index, share] of SPREAD.entries()) add(own, hour + index - 1, weight * share);
  }
  const prior = toUsualShares(usual);
  const total = own.reduce((sum, weight) => sum + weight, 0) + USUAL_TOUCHES;
  return own.map((weight, hour) => (weight + USUAL_TOUCHES * (prior[hour] ?? 0)) / total);
}

/** What is usual in a workspace, where little is known of it the hours of waking. */
function toUsualShares(usual: readonly number[]): number[] {
  const waking = Array.from({ length: HOURS }, (_, hour) =>
    hour >= WAKING.from && hour < WAKING.until ? 1 : WAKING.nightShare,
  );
  const wakingTotal = waking.reduce((sum, weight) => sum + weight, 0);
  const total = usual.reduce((sum, count) => sum + count, 0) + WAKING_TOUCHES;
  return waking.map((weight, hour) => ((usual[hour] ?? 0) + (WAKING_TOUCHES * weight) / wakingTotal) / total);
}

function add(hours: number[], hour: number, weight: number): void {
  const at = (hour + HOURS) % HOURS;
  hours[at] = (hours[at] ?? 0) + weight;
}

/** A best hour that was found. */
export type BestHour = {
  /** Of the user's day, 0 to 23. */
  readonly hour: number;
  /** When it begins, and not before `now`. */
  readonly at: Date;
};

/** The hour between `now` and `until` in which a user looks most likely, quiet hours left out; of two that are alike the earlier.
 *  @param options.shares by hour of the user's day, see `toHourShares`. @param options.until exclusive, and of it at most a week counts.
 *  @returns undefined when all of it is quiet. */
export function findBestHour(
  now: Date,
  options: {
    readonly shares: readonly number[];
    readonly timeZone: string;
    readonly until: Date;
    readonly quiet: { readonly start: MinuteOfDay; readonly end: MinuteOfDay } | undefined;
  },
): BestHour | undefined {
  const { shares, timeZone, until, quiet } = options;
  let best: BestHour | undefined;
  const first = toLocal(now, timeZone).round({ smallestUnit: "hour", roundingMode: "floor" });
  for (let ahead = 0; ahead <= HOURS_AHEAD_MAX; ahead += 1) {
    // So many hours on by the sun, and where that is by the clock.
    const local = first.add({ hours: ahead });
    const at = new Date(Math.max(now.getTime(), local.epochMilliseconds));
    if (ahead > 0 && at >= until) break;
    if (quiet !== undefined && findQuietEnd(at, { ...quiet, timeZone }) !== undefined) continue;
    const isBetter = best === undefined || (shares[local.hour] ?? 0) > (shares[best.hour] ?? 0);
    if (isBetter) best = { hour: local.hour, at };
  }
  return best;
}

const HOURS_AHEAD_MAX = 7 * HOURS;

const toLocal = (at: Date, timeZone: string) =>
  Temporal.Instant.fromEpochMilliseconds(at.getTime()).toZonedDateTimeISO(timeZone);
