import { Temporal } from "temporal-polyfill";

/** A time of day, `HH:MM`, as minutes after midnight. */
export type MinuteOfDay = number;

/** @returns minutes after midnight; undefined when it is not `HH:MM` in 00:00 to 23:59. */
export function parseTimeOfDay(text: string): MinuteOfDay | undefined {
  const match = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text);
  return match === null ? undefined : Number(match[1]) * 60 + Number(match[2]);
}

/** The end of the quiet hours that `now` lies in; undefined when it lies in none.
 *  Wall-clock times of the zone count, so on days of a clock change the hours are as long as the clock on the wall says: an end
 *  that the clock skips comes with the skip, and one that it shows twice comes at the first. `start` = `end` is no quiet time.
 *  @param options start inclusive, end exclusive; an end before the start lies on the next day. */
export function findQuietEnd(
  now: Date,
  options: { readonly start: MinuteOfDay; readonly end: MinuteOfDay; readonly timeZone: string },
): Date | undefined {
  const { start, end } = options;
  if (start === end) return undefined;
  const local = toLocal(now, options.timeZone);
  const minute = toMinute(local);
  const isOverMidnight = end < start;
  const isQuiet = isOverMidnight ? minute >= start || minute < end : minute >= start && minute < end;
  if (!isQuiet) return undefined;
  const endsTomorrow = isOverMidnight && minute >= start;
  const day = endsTomorrow ? local.toPlainDate().add({ days: 1 }) : local.toPlainDate();
  const time = Temporal.PlainTime.from({ hour: Math.floor(end / 60), minute: end % 60 });
  const ends = day.toZonedDateTime({ timeZone: options.timeZone, plainTime: time });
  // Where the clock is set back, the quiet minutes can come a second time: their end, taken at its first showing, has then passed.
  if (ends.epochMilliseconds <= now.getTime())
    return new Date(laterShowing(day.toPlainDateTime(time), options.timeZone, now));
  return new Date(ends.epochMilliseconds);
}

/** The time of day that a clock on the wall of a zone shows. */
export const toLocalMinute = (now: Date, timeZone: string): MinuteOfDay => toMinute(toLocal(now, timeZone));

const toLocal = (now: Date, timeZone: string) =>
  Temporal.Instant.fromEpochMilliseconds(now.getTime()).toZonedDateTimeISO(timeZone);

const toMinute = ({ hour, minute }: Temporal.ZonedDateTime): MinuteOfDay => hour * 60 + minute;

function laterShowing(local: Temporal.PlainDateTime, timeZone: string, now: Date): number {
  const later = local.toZonedDateTime(timeZone, { disambiguation: "later" }).epochMilliseconds;
  return later > now.getTime() ? later : now.getTime() + 60_000;
}
