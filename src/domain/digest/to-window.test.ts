import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { toDailyRule, toDigestWindow } from "./to-window.ts";

const daily = toDailyRule("09:00") ?? { kind: "rolling", ms: 0 };
const zones = ["UTC", "Europe/Paris", "America/New_York", "Asia/Kathmandu", "Pacific/Auckland", "Australia/Lord_Howe"];

test.each([
  ["today when it is still to come", "2026-06-01T06:59:00Z", "Europe/Paris", "2026-06-01T07:00:00.000Z"],
  ["tomorrow at the very moment", "2026-06-01T07:00:00Z", "Europe/Paris", "2026-06-02T07:00:00.000Z"],
  ["by the user's own date", "2026-06-01T22:00:00Z", "Pacific/Auckland", "2026-06-02T21:00:00.000Z"],
  ["23 hours on when the clocks go forward", "2026-03-28T08:00:00Z", "Europe/Paris", "2026-03-29T07:00:00.000Z"],
  ["25 hours on when they go back", "2026-10-24T07:00:00Z", "Europe/Paris", "2026-10-25T08:00:00.000Z"],
])("a daily window ends %s", (_, now, timeZone, ends) => {
  const window = toDigestWindow(daily, { itemId: "e", now: new Date(now), timeZone });
  expect(window.closesAt.toISOString()).toBe(ends);
});

test.each([
  ["skipped by the clocks is an hour later", "2026-03-28T12:00:00Z", "2026-03-29T01:30:00.000Z"],
  ["shown twice is the first", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00.000Z"],
])("a daily time that is %s", (_, now, ends) => {
  const rule = toDailyRule("02:30") ?? daily;
  expect(
    toDigestWindow(rule, { itemId: "e", now: new Date(now), timeZone: "Europe/Paris" }).closesAt.toISOString(),
  ).toBe(ends);
});

describe("a window", () => {
  it("ends after it began, within a day and an hour, at the user's time of day, whatever the moment and the zone", () => {
    const moment = fc.date({ min: new Date("2020-01-01"), max: new Date("2035-01-01"), noInvalidDate: true });
    fc.assert(
      fc.property(
        moment,
        fc.constantFrom(...zones),
        fc.integer({ min: 5 * 60, max: 1_439 }),
        (now, timeZone, minute) => {
          const { closesAt } = toDigestWindow({ kind: "daily", minute }, { itemId: "e", now, timeZone });
          const ms = closesAt.getTime() - now.getTime();
          expect(ms).toBeGreaterThan(0);
          expect(ms).toBeLessThanOrEqual(25 * 3_600_000);
          const shown = new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit" }).format(
            closesAt,
          );
          expect(shown).toBe(
            `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`,
          );
        },
      ),
    );
  });

  it("that rolls ends so long after its first item, and has that item's name", () => {
    const now = new Date(1_000);
    expect(toDigestWindow({ kind: "rolling", ms: 5_000 }, { itemId: "e", now, timeZone: "UTC" })).toEqual({
      id: "e@6000",
      closesAt: new Date(6_000),
    });
  });
});
