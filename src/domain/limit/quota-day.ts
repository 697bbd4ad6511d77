import { Temporal } from "temporal-polyfill";

/** A day of a quota, and when the next one begins. */
export type QuotaDay = { readonly day: string; readonly endsAt: Date };

/** The day of a time zone that a moment is in, such as `2026-11-25`; days of 23 and 25 hours are days too.
 *  @param timeZone an IANA name. */
export function toQuotaDay(now: Date, timeZone: string): QuotaDay {
  const local = Temporal.Instant.fromEpochMilliseconds(now.getTime()).toZonedDateTimeISO(timeZone);
  const next = local.toPlainDate().add({ days: 1 }).toZonedDateTime(timeZone);
  return { day: local.toPlainDate().toString(), endsAt: new Date(next.epochMilliseconds) };
}
