import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { AudienceSchema } from "../../../gen/intervention/v1/campaign_pb.js";
import { type AudienceStanding, findDueRun, findNextRun } from "./audience.ts";
import { toTimeOnTheWay, toUsersAllowed } from "./pace.ts";
import { FIRST_ZONE_LEAD_MS, findPass, parseWallTime, toWallText, toZoneTime, toZoneTimes } from "./wall-time.ts";

const at = (iso: string) => Date.parse(iso);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const ZONES = Intl.supportedValuesOf("timeZone");

/** What the clock on the wall of a zone shows, by the platform's own calendar. */
function showsAt(ms: number, timeZone: string): string {
  const parts = new Intl.DateTimeFormat("en-CA", {
    ...{ timeZone, hourCycle: "h23", year: "numeric", month: "2-digit" },
    ...{ day: "2-digit", hour: "2-digit", minute: "2-digit" },
  }).formatToParts(ms);
  const part = (type: string) => parts.find((one) => one.type === type)?.value ?? "";
  return `${part("year")}-${part("month")}-${part("day")}T${part("hour")}:${part("minute")}`;
}

/** Every run of an audience while somebody looks at these moments. */
function runAll(audience: ReturnType<typeof toAudience>, startedMs: number, looks: readonly number[]) {
  const runs: { readonly dueMs: number; readonly lookMs: number; readonly wallMs?: number }[] = [];
  let standing: AudienceStanding = { startedMs, handledMs: undefined };
  for (const lookMs of looks) {
    const due = findDueRun(audience, standing, lookMs);
    if (due === undefined) continue;
    runs.push({ ...due, lookMs });
    standing = { ...standing, handledMs: due.dueMs };
  }
  return { runs, standing };
}

type Given = Omit<Parameters<typeof create<typeof AudienceSchema>>[1] & object, "$typeName">;
const toAudience = (given: Given) => create(AudienceSchema, { segment: "all", ...given });

describe("an audience", () => {
  test.each([
    ["at once", {}, 1_000],
    ["at a moment", { when: { case: "at", value: timestampFromMs(5_000) } }, 5_000],
    [
      "at a zone's time",
      { when: { case: "localAt", value: "2026-03-29T09:00" }, timeZone: "Europe/Paris" },
      at("2026-03-29T07:00:00Z"),
    ],
    [
      "at each user's own time, when the first zone's clock shows it",
      { when: { case: "localAt", value: "2026-03-29T09:00" } },
      at("2026-03-28T19:00:00Z"),
    ],
  ] as const)("sent once, %s, is due once and then no more", (_, given, dueMs) => {
    const audience = toAudience(given as Given);
    expect(
      findDueRun(audience, { startedMs: 1_000, handledMs: undefined }, Math.max(1_000, dueMs - 1)) !== undefined,
    ).toBe(dueMs <= 1_000);
    const { runs, standing } = runAll(audience, 1_000, [dueMs, dueMs + 1, dueMs + 9 * DAY_MS]);
    expect(runs).toHaveLength(1);
    expect(findNextRun(audience, standing)).toBeUndefined();
  });

  it("that recurs is due once each time, and leaves out what was due before the campaign ran", () => {
    const startedMs = at("2026-03-27T12:00:00Z");
    const looks = fc.array(fc.integer({ min: 1, max: 20 * 60 }), { minLength: 20, maxLength: 60 });
    fc.assert(
      fc.property(
        looks,
        fc.constantFrom("Europe/Paris", "America/New_York", "Australia/Lord_Howe"),
        (steps, timeZone) => {
          const audience = toAudience({ when: { case: "cron", value: "30 9 * * *" }, timeZone });
          let lookMs = startedMs;
          const moments = steps.map((minutes) => {
            lookMs += minutes * 60_000;
            return lookMs;
          });
          const { runs } = runAll(audience, startedMs, moments);
          const days = runs.map(({ dueMs }) => showsAt(dueMs, timeZone));
          expect(new Set(days).size).toBe(days.length);
          for (const [index, day] of days.entries()) {
            expect(day).toMatch(/T09:30$/);
            expect(runs[index]?.dueMs).toBeGreaterThan(startedMs);
          }
          // No step is as long as a day: nothing is leapt over.
          const expected = new Set<string>();
          for (let ms = startedMs + 60_000; ms <= lookMs; ms += 60_000 * 30)
            expected.add(showsAt(ms, timeZone).slice(0, 10));
          const last = runs.at(-1);
          if (last !== undefined) expect(lookMs - last.dueMs).toBeLessThan(DAY_MS + 2 * HOUR_MS);
          expect(days.length).toBeLessThanOrEqual(expected.size);
        },
      ),
      { numRuns: 10 },
    );
  });

  it("that recurs on users' own clocks is due for today where today's time is still to come somewhere", () => {
    const audience = toAudience({ when: { case: "cron", value: "0 9 * * *" } });
    const startedMs = at("2026-06-10T20:00:00Z");
    // Long past in Paris and just past in Honolulu; in Pago Pago it is nine o'clock now.
    expect(toWallText((findNextRun(audience, { startedMs, handledMs: undefined }) ?? 0) + FIRST_ZONE_LEAD_MS)).toBe(
      "2026-06-10T09:00",
    );
    const { runs } = runAll(audience, startedMs, [startedMs, startedMs + HOUR_MS, startedMs + DAY_MS]);
    expect(runs.map(({ wallMs }) => toWallText(wallMs ?? 0))).toEqual([
      ...["2026-06-10T09:00", "2026-06-11T09:00", "2026-06-12T09:00"],
    ]);
  });

  it("that recurs on users' own clocks and was forgotten for days is run for the last of them alone", () => {
    const audience = toAudience({ when: { case: "cron", value: "0 9 * * *" } });
    const startedMs = at("2026-06-10T08:00:00Z");
    const { runs } = runAll(audience, startedMs, [startedMs, at("2026-06-15T20:30:00Z"), at("2026-06-15T20:31:00Z")]);
    expect(runs.map(({ wallMs }) => toWallText(wallMs ?? 0))).toEqual([
      ...["2026-06-10T09:00", "2026-06-15T09:00", "2026-06-16T09:00"],
    ]);
  });
});

describe("a time on users' own clocks", () => {
  it("is read only as it is written", () => {
    for (const text of ["2026-02-30T09:00", "2026-02-03T24:00", "2026-02-03 09:00", "2026-2-3T09:00", ""])
      expect(parseWallTime(text)).toBeUndefined();
    expect(toWallText(parseWallTime("2026-02-03T09:05") ?? 0)).toBe("2026-02-03T09:05");
  });

  it("is what the clock of each zone shows when it is reached, in every zone on the days that clocks change", () => {
    const days = ["2026-03-08", "2026-03-29", "2026-04-05", "2026-10-25", "2026-11-01"];
    for (const day of days) {
      const wallMs = parseWallTime(`${day}T09:00`) ?? 0;
      const passes = toZoneTimes(wallMs, ZONES);
      for (const zone of ZONES) {
        const ms = passes[findPass(passes, toZoneTime(wallMs, zone))] ?? 0;
        expect(`${zone} ${showsAt(ms, zone)}`).toBe(`${zone} ${day}T09:00`);
      }
      expect(passes.length).toBeGreaterThan(30);
      expect((passes[0] ?? 0) - wallMs).toBeGreaterThanOrEqual(-FIRST_ZONE_LEAD_MS);
    }
  });

  test.each([
    ["skipped", "2026-03-29T02:30", "Europe/Paris", "2026-03-29T01:30:00Z"],
    ["shown twice", "2026-10-25T02:30", "Europe/Paris", "2026-10-25T00:30:00Z"],
    ["skipped by half an hour", "2026-10-04T02:15", "Australia/Lord_Howe", "2026-10-03T15:45:00Z"],
  ] as const)("that is %s comes later, or the first time", (_, text, zone, expected) => {
    expect(new Date(toZoneTime(parseWallTime(text) ?? 0, zone)).toISOString()).toBe(new Date(expected).toISOString());
  });

  it("of a zone that nobody has heard of yet is reached in the pass after it, and none is lost", () => {
    const wallMs = at("2026-06-15T09:00:00Z");
    const passes = toZoneTimes(wallMs, ZONES);
    fc.assert(
      fc.property(fc.integer({ min: -15 * 60, max: 15 * 60 }), (minutes) => {
        const ownMs = wallMs + minutes * 60_000;
        const reachedMs = passes[findPass(passes, ownMs)] ?? 0;
        if (ownMs <= (passes.at(-1) ?? 0)) expect(reachedMs).toBeGreaterThanOrEqual(ownMs);
        else expect(reachedMs).toBe(passes.at(-1));
      }),
    );
  });
});

describe("the pace of a run", () => {
  test.each([
    [60, 0, 0, 1],
    [60, 0, 60_000, 61],
    [60, 120_000, 60_000, 16],
    [60, 120_000, 120_000, 61],
    [60, 120_000, 180_000, 121],
  ])("of %d a minute that comes within %d ms allows after %d ms %d users", (usersPerMinute, rampUpMs, ms, users) => {
    expect(toUsersAllowed({ usersPerMinute, rampUpMs }, ms)).toBe(users);
  });

  it("never falls, is never above its speed, and does not make up for a pause", () => {
    const pace = fc.record({ usersPerMinute: fc.integer({ min: 1, max: 10_000 }), rampUpMs: fc.nat(600_000) });
    fc.assert(
      fc.property(pace, fc.nat(3_600_000), fc.nat(3_600_000), (one, ms, moreMs) => {
        const [before, after] = [toUsersAllowed(one, ms), toUsersAllowed(one, ms + moreMs)];
        expect(after).toBeGreaterThanOrEqual(before);
        expect(after - before).toBeLessThanOrEqual((one.usersPerMinute * moreMs) / 60_000 + 1);
        expect(toTimeOnTheWay(ms, moreMs) - ms).toBeLessThanOrEqual(60_000);
      }),
    );
  });
});
