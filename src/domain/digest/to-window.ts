import { Temporal } from "temporal-polyfill";
import { parseTimeOfDay } from "../schedule/quiet-hours.ts";

/** How long things are collected: so long after the first, or until a time of day of the user's. */
export type DigestRule =
  | { readonly kind: "rolling"; readonly ms: number }
  /** Minutes after midnight. */
  | { readonly kind: "daily"; readonly minute: number };

export type DigestWindow = {
  /** Another one with each window of a user: made of the item that opens it, which is in one window only, and of its end. */
  readonly id: string;
  readonly closesAt: Date;
};

const MINUTES_PER_HOUR = 60;

/** The window that an item opens where none is open.
 *  @param timeZone an IANA name. A daily time that the clocks skip that day is an hour later, and one that they show twice is the first. */
export function toDigestWindow(
  rule: DigestRule,
  { itemId, now, timeZone }: { readonly itemId: string; readonly now: Date; readonly timeZone: string },
): DigestWindow {
  const closesAt = rule.kind === "rolling" ? new Date(now.getTime() + rule.ms) : nextDaily(rule.minute, now, timeZone);
  return { id: `${itemId}@${closesAt.getTime()}`, closesAt };
}

function nextDaily(minute: number, now: Date, timeZone: string): Date {
  const today = Temporal.Instant.fromEpochMilliseconds(now.getTime()).toZonedDateTimeISO(timeZone).toPlainDate();
  const plainTime = Temporal.PlainTime.from({
    hour: Math.floor(minute / MINUTES_PER_HOUR),
    minute: minute % MINUTES_PER_HOUR,
  });
  const on = (days: number) => today.add({ days }).toZonedDateTime({ timeZone, plainTime }).epochMilliseconds;
  return new Date(on(0) > now.getTime() ? on(0) : on(1));
}

/** @returns undefined when the text is no HH:MM. */
export function toDailyRule(text: string): DigestRule | undefined {
  const minute = parseTimeOfDay(text);
  return minute === undefined ? undefined : { kind: "daily", minute };
}
