import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { toQuotaDay } from "./quota-day.ts";

describe("a quota's day", () => {
  test.each([
    ["an ordinary one", "2026-11-25T22:59:59.999Z", "Europe/Paris", "2026-11-25", "2026-11-25T23:00:00Z"],
    ["from midnight on", "2026-11-25T23:00:00Z", "Europe/Paris", "2026-11-26", "2026-11-26T23:00:00Z"],
    ["of 23 hours", "2026-03-29T00:30:00Z", "Europe/Paris", "2026-03-29", "2026-03-29T22:00:00Z"],
    ["of 25 hours", "2026-10-24T22:00:00Z", "Europe/Paris", "2026-10-25", "2026-10-25T23:00:00Z"],
    ["whose midnight is left out", "2024-09-08T03:59:00Z", "America/Santiago", "2024-09-07", "2024-09-08T04:00:00Z"],
    ["that a country skipped", "2011-12-30T09:59:00Z", "Pacific/Apia", "2011-12-29", "2011-12-30T10:00:00Z"],
    ["far east", "2026-11-25T10:00:00Z", "Pacific/Kiritimati", "2026-11-26", "2026-11-26T10:00:00Z"],
  ])("%s", (_, now, timeZone, day, endsAt) => {
    expect(toQuotaDay(new Date(now), timeZone)).toEqual({ day, endsAt: new Date(endsAt) });
  });

  it("ends after every moment of it, and another begins there", () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date("1990-01-01"), max: new Date("2037-01-01"), noInvalidDate: true }),
        fc.constantFrom(
          "UTC",
          "Europe/Paris",
          "America/Santiago",
          "Asia/Tehran",
          "Australia/Lord_Howe",
          "Pacific/Apia",
        ),
        (now, timeZone) => {
          const { day, endsAt } = toQuotaDay(now, timeZone);
          expect(endsAt.getTime()).toBeGreaterThan(now.getTime());
          expect(toQuotaDay(new Date(endsAt.getTime() - 1), timeZone).day).toBe(day);
          expect(toQuotaDay(endsAt, timeZone).day > day).toBe(true);
        },
      ),
    );
  });
});
