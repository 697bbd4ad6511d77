import { SPAN_MS, toSpan, toStartMs } from "../domain/analytics/span.ts";
import { toLocalMinute } from "../domain/schedule/quiet-hours.ts";
import { findRollups, rollupId, type Store } from "../store/index.ts";
import { LruCache } from "./lru-cache.ts";

const DAYS = 28;
const HOURS_PER_DAY = 24;
const MINUTES_PER_HOUR = 60;
/** A day more changes little. */
const KEPT_MS = SPAN_MS.hour;
const KEPT_MAX = 1_000;

type Kept = { readonly hours: readonly number[]; readonly untilMs: number };

/** At which hours of the day a workspace's users look at messages, from the figures of the last four weeks; read when it is asked for,
 *  and kept for an hour. The figures have no user's time zone: the workspace's own stands for it. */
export class UsualHours {
  readonly #parts: { readonly store: Store; readonly now: () => Date };
  readonly #kept = new LruCache<Kept>(KEPT_MAX);

  constructor(parts: { readonly store: Store; readonly now: () => Date }) {
    this.#parts = parts;
  }

  /** Looks and clicks of people by hour of day, 0 to 23. @throws Unavailable when the store does not answer. */
  async find(workspaceId: string, timeZone: string): Promise<readonly number[]> {
    const nowMs = this.#parts.now().getTime();
    const key = `${workspaceId}/${timeZone}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined && kept.untilMs > nowMs) return kept.hours;
    const hours = await this.#read(workspaceId, timeZone, nowMs);
    this.#kept.set(key, { hours, untilMs: nowMs + KEPT_MS });
    return hours;
  }

  async #read(workspaceId: string, timeZone: string, nowMs: number): Promise<readonly number[]> {
    const last = toSpan("hour", nowMs).n;
    const spans = Array.from(
      { length: DAYS * HOURS_PER_DAY },
      (_, back) => ({ kind: "hour", n: last - back }) as const,
    );
    const rollups = await findRollups(this.#parts.store, workspaceId, spans, "cells");
    const hours = Array.from({ length: HOURS_PER_DAY }, () => 0);
    for (const span of spans) {
      const { cells } = rollups.get(rollupId(workspaceId, span)) ?? { cells: [] };
      const hour = Math.floor(toLocalMinute(new Date(toStartMs(span)), timeZone) / MINUTES_PER_HOUR);
      const seen = cells.reduce((sum, { counts }) => sum + (counts.displayed ?? 0) + 2 * (counts.clicked ?? 0), 0);
      hours[hour] = (hours[hour] ?? 0) + seen;
    }
    return hours;
  }
}
