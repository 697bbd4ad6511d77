import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { findQuietEnd, parseTimeOfDay } from "./quiet-hours.ts";

const at = (text: string) => new Date(text);
const hours = (start: string, end: string, timeZone: string) => ({
  start: parseTimeOfDay(start) ?? -1,
  end: parseTimeOfDay(end) ?? -1,
  timeZone,
});

describe("time of day", () => {
  test.each([
    ["00:00", 0],
    ["23:59", 1439],
    ["08:30", 510],
    ["24:00", undefined],
    ["8:30", undefined],
    ["08:60", undefined],
    ["", undefined],
    ["08:30 ", undefined],
  ])("%j is %s", (text, minute) => expect(parseTimeOfDay(text)).toBe(minute));
});

describe("quiet hours", () => {
  test.each([
    ["are not at noon", "2026-06-01T12:00:00Z", hours("22:00", "08:00", "UTC"), undefined],
    ["begin at their start", "2026-06-01T22:00:00Z", hours("22:00", "08:00", "UTC"), "2026-06-02T08:00:00Z"],
    ["last over midnight", "2026-06-02T03:15:30Z", hours("22:00", "08:00", "UTC"), "2026-06-02T08:00:00Z"],
    ["are over at their end", "2026-06-02T08:00:00Z", hours("22:00", "08:00", "UTC"), undefined],
    ["can lie within one day", "2026-06-02T13:00:00Z", hours("12:00", "14:00", "UTC"), "2026-06-02T14:00:00Z"],
    ["are none when start and end are equal", "2026-06-02T13:00:00Z", hours("13:00", "13:00", "UTC"), undefined],
    [
      "follow the user's time zone",
      "2026-06-01T21:30:00Z",
      hours("22:00", "08:00", "Europe/Paris"),
      "2026-06-02T06:00:00Z",
    ],
    [
      "follow a zone a quarter of an hour off",
      "2026-06-01T17:00:00Z",
      hours("22:00", "08:00", "Asia/Kathmandu"),
      "2026-06-02T02:15:00Z",
    ],
    [
      "follow a zone on the other side of the date line",
      "2026-06-01T10:30:00Z",
      hours("22:00", "08:00", "Pacific/Auckland"),
      "2026-06-01T20:00:00Z",
    ],
    [
      "are an hour shorter in the night the clock is set forward",
      "2026-03-29T00:30:00Z",
      hours("22:00", "08:00", "Europe/Paris"),
      "2026-03-29T06:00:00Z",
    ],
    [
      "are an hour longer in the night it is set back",
      "2026-10-24T22:30:00Z",
      hours("22:00", "08:00", "Europe/Paris"),
      "2026-10-25T07:00:00Z",
    ],
    [
      "end with the skip when the clock skips their end",
      "2026-03-29T00:30:00Z",
      hours("22:00", "02:30", "Europe/Paris"),
      "2026-03-29T01:30:00Z",
    ],
    [
      "end at the first showing of an end shown twice",
      "2026-10-24T23:30:00Z",
      hours("22:00", "02:30", "Europe/Paris"),
      "2026-10-25T00:30:00Z",
    ],
    [
      "end at its second showing once the first has passed",
      "2026-10-25T01:10:00Z",
      hours("22:00", "02:30", "Europe/Paris"),
      "2026-10-25T01:30:00Z",
    ],
  ])("%s", (_, now, options, end) =>
    expect(findQuietEnd(at(now), options)?.toISOString()).toBe(end === undefined ? undefined : at(end).toISOString()),
  );

  it("always end after now and at most a day and two hours later, in every zone", () => {
    const zones = fc.constantFrom(
      "UTC",
      "Europe/Paris",
      "America/St_Johns",
      "Australia/Lord_Howe",
      "Pacific/Apia",
      "America/Sao_Paulo",
      "Africa/Casablanca",
    );
    const minute = fc.integer({ min: 0, max: 1439 });
    fc.assert(
      fc.property(
        fc.date({ min: at("2000-01-01"), max: at("2035-01-01"), noInvalidDate: true }),
        minute,
        minute,
        zones,
        (now, start, end, timeZone) => {
          const ends = findQuietEnd(now, { start, end, timeZone });
          if (ends === undefined) return;
          expect(ends.getTime()).toBeGreaterThan(now.getTime());
          expect(ends.getTime() - now.getTime()).toBeLessThanOrEqual(26 * 3_600_000);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
