import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { findBestHour, type PastTouch, toHourShares } from "./best-hour.ts";

const NOW = new Date("2026-06-10T12:00:00Z");
const DAY_MS = 86_400_000;
const zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Auckland"];
/** So many touches at an hour of days before, by the clock of UTC. */
const at = (
  hour: number,
  count: number,
  { kind = "view", daysAgo = 1 }: { kind?: PastTouch["kind"]; daysAgo?: number } = {},
) =>
  Array.from(
    { length: count },
    (_, index): PastTouch => ({
      kind,
      at: new Date(Date.UTC(2026, 5, 10 - daysAgo - index, hour, 30)),
    }),
  );
const shares = (touches: readonly PastTouch[], usual: readonly number[] = [], timeZone = "UTC") =>
  toHourShares(touches, { now: NOW, timeZone, usual });
const bestOf = (all: readonly number[]) => all.indexOf(Math.max(...all));
const usualAt = (hour: number, count: number) => Array.from({ length: 24 }, (_, one) => (one === hour ? count : 0));

describe("the hours of a user", () => {
  test.each([
    ["that in which he looked", at(20, 10), [], "UTC", 20],
    [
      "that in which he clicked, sooner than the one in which he looked as often",
      [...at(8, 6), ...at(20, 6, { kind: "click" })],
      [],
      "UTC",
      20,
    ],
    ["the newer one of two habits", [...at(8, 10, { daysAgo: 120 }), ...at(20, 8)], [], "UTC", 20],
    ["by his own clock", at(20, 10), [], "Europe/Berlin", 22],
    ["that of the workspace when nothing is known of him", [], usualAt(19, 500), "UTC", 19],
    ["that of the workspace when he has looked once", at(3, 1), usualAt(19, 500), "UTC", 19],
    ["his own in the end, whatever the workspace's is", at(3, 25), usualAt(19, 500), "UTC", 3],
    ["one of waking when nothing is known of anybody", [], [], "UTC", 9],
    ["one of waking when the workspace has hardly begun", [], usualAt(3, 1), "UTC", 9],
  ] as const)("are most of all %s", (_, touches, usual, timeZone, hour) => {
    expect(bestOf(shares(touches, usual, timeZone))).toBe(hour);
  });

  it("reach over the full hour: looking at 18:59 and at 19:01 is one habit", () => {
    const around: readonly PastTouch[] = [
      ...Array.from({ length: 5 }, () => ({ kind: "view" as const, at: new Date("2026-06-09T18:59:00Z") })),
      ...Array.from({ length: 5 }, () => ({ kind: "view" as const, at: new Date("2026-06-09T19:01:00Z") })),
    ];
    expect([18, 19]).toContain(bestOf(shares([...around, ...at(6, 7)])));
  });

  it("are shares that sum to 1, none of them 0, whatever is known", () => {
    const touch = fc.record({
      kind: fc.constantFrom("view" as const, "click" as const),
      at: fc.date({ min: new Date("2024-01-01"), max: new Date("2027-01-01"), noInvalidDate: true }),
    });
    const usual = fc.array(fc.nat(10_000), { minLength: 24, maxLength: 24 });
    fc.assert(
      fc.property(fc.array(touch, { maxLength: 50 }), usual, fc.constantFrom(...zones), (touches, counts, zone) => {
        const all = shares(touches, counts, zone);
        expect(all).toHaveLength(24);
        expect(all.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
        expect(Math.min(...all)).toBeGreaterThan(0);
        // In whatever order they are read.
        expect(shares(touches.toReversed(), counts, zone).map((share) => share.toFixed(9))).toEqual(
          all.map((share) => share.toFixed(9)),
        );
      }),
      { numRuns: 300 },
    );
  });
});

describe("the best hour", () => {
  const only = (hour: number) => usualAt(hour, 1);
  const find = (now: string, hour: number, options: Partial<Parameters<typeof findBestHour>[1]> = {}) =>
    findBestHour(new Date(now), {
      ...{ shares: only(hour), timeZone: "UTC", until: new Date(Date.parse(now) + DAY_MS), quiet: undefined },
      ...options,
    });

  test.each([
    ["is now when it has begun", "2026-06-10T20:15:00Z", 20, {}, "2026-06-10T20:15:00.000Z"],
    ["is today when it is still to come", "2026-06-10T12:10:00Z", 20, {}, "2026-06-10T20:00:00.000Z"],
    ["is tomorrow when it is over", "2026-06-10T21:10:00Z", 20, {}, "2026-06-11T20:00:00.000Z"],
    ["is by the user's clock", "2026-06-10T12:10:00Z", 20, { timeZone: "Asia/Kathmandu" }, "2026-06-10T14:15:00.000Z"],
    [
      "is the first when the clock shows it twice",
      "2026-10-24T12:00:00Z",
      2,
      { timeZone: "Europe/Berlin" },
      "2026-10-25T00:00:00.000Z",
    ],
  ] as const)("%s", (_, now, hour, options, expected) => {
    expect(find(now, hour, options)?.at.toISOString()).toBe(expected);
  });

  it("is not beyond what may be waited for: then the best before it", () => {
    const best = find("2026-06-10T12:10:00Z", 20, { until: new Date("2026-06-10T19:00:00Z") });
    expect(best?.at.toISOString()).toBe("2026-06-10T12:10:00.000Z");
  });

  it("is not the hour that the clock skips", () => {
    const best = find("2026-03-28T20:00:00Z", 2, {
      timeZone: "Europe/Berlin",
      until: new Date("2026-03-29T20:00:00Z"),
    });
    expect(best?.hour).not.toBe(2);
  });

  it("lies in no quiet hours, and there is none when all is quiet", () => {
    const quiet = { start: 19 * 60, end: 8 * 60 };
    expect(find("2026-06-10T12:10:00Z", 20, { quiet })?.at.toISOString()).toBe("2026-06-10T12:10:00.000Z");
    const until = new Date("2026-06-10T23:00:00Z");
    expect(find("2026-06-10T20:10:00Z", 20, { quiet, until })).toBeUndefined();
  });

  it("is the best that may be, neither passed nor too late, whatever the moment, the zone and the hours", () => {
    const moment = fc.date({ min: new Date("2020-01-01"), max: new Date("2030-01-01"), noInvalidDate: true });
    const weights = fc.array(fc.double({ min: 0.01, max: 1, noNaN: true }), { minLength: 24, maxLength: 24 });
    fc.assert(
      fc.property(
        moment,
        weights,
        fc.constantFrom(...zones),
        fc.integer({ min: 1, max: 168 }),
        (now, all, zone, hours) => {
          const until = new Date(now.getTime() + hours * 3_600_000);
          const best = findBestHour(now, { shares: all, timeZone: zone, until, quiet: undefined });
          expect(best?.at.getTime()).toBeGreaterThanOrEqual(now.getTime());
          expect(best?.at.getTime()).toBeLessThan(until.getTime());
          const shown = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", hourCycle: "h23" });
          expect(Number(shown.format(best?.at))).toBe(best?.hour);
          if (hours >= 25) expect(all[best?.hour ?? -1]).toBe(Math.max(...all));
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
