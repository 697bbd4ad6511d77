import { Temporal } from "temporal-polyfill";
import { SPAN_MS } from "./span.ts";

export type StepName = "minute" | "hour" | "day";

/** Where the points of a series begin, ms since 1970, and where the last one ends. Days begin at midnight of a time zone, whose first
 *  instant it is where the clock skips it; minutes and hours are those of UTC.
 *  @param most beyond which nothing is listed: undefined is returned. */
export function listPoints(
  { fromMs, untilMs }: { readonly fromMs: number; readonly untilMs: number },
  step: StepName,
  { timeZone, most }: { readonly timeZone: string; readonly most: number },
): number[] | undefined {
  const points = [fromMs];
  for (let atMs = fromMs; atMs < untilMs; ) {
    atMs = Math.min(untilMs, toNext(atMs, step, timeZone));
    points.push(atMs);
    if (points.length > most + 1) return undefined;
  }
  return points;
}

function toNext(atMs: number, step: StepName, timeZone: string): number {
  if (step !== "day") return (Math.floor(atMs / SPAN_MS[step]) + 1) * SPAN_MS[step];
  const local = Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(timeZone);
  return local.toPlainDate().add({ days: 1 }).toZonedDateTime({ timeZone }).epochMilliseconds;
}

/** `YYYY-MM` in a time zone. */
export function toMonth(ms: number, timeZone: string): string {
  const { year, month } = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(timeZone);
  return `${String(year).padStart(4, "0")}-${String(month).padStart(2, "0")}`;
}
