import { CronExpressionParser } from "cron-parser";
import fc from "fast-check";
import { Temporal } from "temporal-polyfill";
import { describe, expect, it, test } from "vitest";
import { findDue, findNextDue, findPatternProblem } from "./due-times.ts";

const ZONES = ["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kathmandu"] as const;
const at = (iso: string) => Date.parse(iso);
const daily = (time: string, timeZone: string) => {
  const [hour, minute] = time.split(":").map(Number);
  return { kind: "cron", pattern: `${minute} ${hour} * * *`, timeZone } as const;
};

/** Whether the clock on the wall of a zone skips this time of day on the local day of an instant. */
function isSkipped(hour: number, minute: number, ms: number, timeZone: string): boolean {
  const day = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(timeZone).toPlainDate();
  const local = day.toPlainDateTime({ hour, minute });
  return !local.toZonedDateTime(timeZone, { disambiguation: "earlier" }).toPlainDateTime().equals(local);
}

describe("due times", () => {
  const someDaily = (zones: readonly string[]) =>
    fc.record({
      timeZone: fc.constantFrom(...zones),
      hour: fc.integer({ min: 0, max: 23 }),
      minute: fc.constantFrom(0, 15, 30, 45),
      from: fc.integer({ min: at("2026-01-01T00:00:00Z"), max: at("2027-12-01T00:00:00Z") }),
    });

  it("are those of a calendar in five zones over two years: once each local day, clock changes included", () => {
    fc.assert(
      fc.property(someDaily(ZONES), ({ timeZone, hour, minute, from }) => {
        let ms = from;
        let day = Temporal.Instant.fromEpochMilliseconds(from).toZonedDateTimeISO(timeZone).toPlainDate();
        const expectedOn = (one: Temporal.PlainDate) =>
          one.toPlainDateTime({ hour, minute }).toZonedDateTime(timeZone, { disambiguation: "earlier" });
        if (expectedOn(day).epochMilliseconds <= from) day = day.add({ days: 1 });
        for (let n = 0; n < 10; n += 1, day = day.add({ days: 1 })) {
          ms = findNextDue({ kind: "cron", pattern: `${minute} ${hour} * * *`, timeZone }, ms) ?? 0;
          const found = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(timeZone);
          expect(found.toPlainDate().toString()).toBe(day.toString());
          const local = day.toPlainDateTime({ hour, minute });
          if (expectedOn(day).toPlainDateTime().equals(local)) expect(ms).toBe(expectedOn(day).epochMilliseconds);
          // What the clock skips is due the moment it skips it: just before, it is earlier on the wall.
          else expect(found.subtract({ milliseconds: 1 }).toPlainDateTime().toString() < local.toString()).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("are those of an independent cron library, where no clock skips them", () => {
    // It gives up on zones whose clock skips midnight or half an hour.
    fc.assert(
      fc.property(someDaily(["Europe/Paris", "America/New_York", "Asia/Kathmandu"]), (given) => {
        const { timeZone, hour, minute, from } = given;
        const pattern = `${minute} ${hour} * * *`;
        const theirs = CronExpressionParser.parse(pattern, { currentDate: new Date(from), tz: timeZone });
        for (let [n, ms] = [0, from]; n < 10; n += 1) {
          const expected = theirs.next().getTime();
          ms = findNextDue({ kind: "cron", pattern, timeZone }, ms) ?? 0;
          if (!isSkipped(hour, minute, expected, timeZone)) expect(ms).toBe(expected);
        }
      }),
      { numRuns: 200 },
    );
  });

  test.each([
    {
      name: "a time that is skipped, when it is skipped",
      zone: "Europe/Paris",
      time: "02:30",
      day: "2026-03-29T00:00:00Z",
      due: "2026-03-29T01:00:00Z",
    },
    {
      name: "a time that comes twice, at its first showing",
      zone: "Europe/Paris",
      time: "02:30",
      day: "2026-10-25T00:00:00Z",
      due: "2026-10-25T00:30:00Z",
    },
    {
      name: "a time that comes twice, not again",
      zone: "Europe/Paris",
      time: "02:30",
      day: "2026-10-25T00:30:00Z",
      due: "2026-10-26T01:30:00Z",
    },
    {
      name: "half an hour that is skipped",
      zone: "Australia/Lord_Howe",
      time: "02:15",
      day: "2026-10-03T14:00:00Z",
      due: "2026-10-03T15:30:00Z",
    },
  ])("$name", ({ zone, time, day, due }) => {
    expect(new Date(findNextDue(daily(time, zone), at(day)) ?? 0).toISOString()).toBe(new Date(due).toISOString());
  });

  it("that were missed are counted, and the newest stands", () => {
    const recurrence = daily("09:00", "UTC");
    const due = (now: string) => findDue(recurrence, at("2026-01-01T09:00:00Z"), at(now));
    expect(due("2026-01-01T08:59:59Z")).toEqual({ dueMs: undefined, missed: 0, nextMs: at("2026-01-01T09:00:00Z") });
    expect(due("2026-01-01T09:00:00Z")).toMatchObject({ dueMs: at("2026-01-01T09:00:00Z"), missed: 0 });
    expect(due("2026-01-04T12:00:00Z")).toEqual({
      ...{ dueMs: at("2026-01-04T09:00:00Z"), missed: 3, nextMs: at("2026-01-05T09:00:00Z") },
    });
  });

  it("of each minute that nobody looked at for years are passed over quickly", () => {
    const recurrence = { kind: "cron", pattern: "* * * * *", timeZone: "UTC" } as const;
    const due = findDue(recurrence, at("2020-01-01T00:00:00Z"), at("2026-01-01T00:00:30Z"));
    expect(due).toMatchObject({ dueMs: at("2026-01-01T00:00:00Z"), nextMs: at("2026-01-01T00:01:00Z") });
  });

  it("come once where there is one", () => {
    const once = { kind: "once", atMs: 1_000 } as const;
    expect(findDue(once, 1_000, 5_000)).toEqual({ dueMs: 1_000, missed: 0, nextMs: undefined });
  });

  test.each(["", "* * * *", "* * * * * *", "61 * * * *", "never"])("of the pattern %j there are none", (pattern) => {
    expect(findPatternProblem(pattern)).toMatch(/^it is no cron pattern of five fields: /);
  });
});
