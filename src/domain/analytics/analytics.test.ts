import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Cell, CellSum, type EventGroup } from "./cell.ts";
import { toCohorts } from "./cohorts.ts";
import { toFunnel } from "./funnel.ts";
import { listPoints } from "./points.ts";
import { coverWithSpans, listBelow, SPAN_MS, toSpan, toStartMs } from "./span.ts";
import { toQuantile, toStageBin } from "./stage-histogram.ts";
import { toCreditGroups } from "./to-credit-groups.ts";

const MINUTE = SPAN_MS.minute;

describe("spans", () => {
  it("cover an interval of whole minutes without gap or overlap, with few of them", () => {
    const minute = fc.integer({ min: 0, max: 60 * 24 * 60 });
    fc.assert(
      fc.property(minute, minute, (a, b) => {
        const [fromMs, untilMs] = [Math.min(a, b) * MINUTE, Math.max(a, b) * MINUTE];
        const spans = coverWithSpans(fromMs, untilMs);
        let atMs = fromMs;
        for (const span of spans) {
          expect(toStartMs(span)).toBe(atMs);
          atMs += SPAN_MS[span.kind];
        }
        expect(atMs).toBe(untilMs);
        expect(spans.length).toBeLessThanOrEqual(60 + 2 * (59 + 23));
      }),
    );
  });

  it("are made of what is below them", () => {
    for (const kind of ["minute", "hour", "day"] as const) {
      const span = toSpan(kind, Date.UTC(2026, 4, 5, 6, 7, 8));
      const below = listBelow(span);
      expect(below.reduce((sum, one) => sum + SPAN_MS[one.kind], 0)).toBe(SPAN_MS[kind]);
      expect(below.every((one) => toSpan(kind, toStartMs(one)).n === span.n)).toBe(true);
    }
  });
});

describe("points of a series", () => {
  it.each([
    { name: "a day with 23 hours", timeZone: "Europe/Paris", noon: Date.UTC(2026, 2, 29, 12), hours: 23 },
    { name: "a day with 25 hours", timeZone: "Europe/Paris", noon: Date.UTC(2026, 9, 25, 12), hours: 25 },
    { name: "a day whose midnight is skipped", timeZone: "Africa/Cairo", noon: Date.UTC(2026, 3, 24, 12), hours: 23 },
    { name: "a zone off by 45 minutes", timeZone: "Asia/Kathmandu", noon: Date.UTC(2026, 3, 1, 12), hours: 24 },
  ])("of $name have $hours hours", ({ timeZone, noon, hours }) => {
    const interval = { fromMs: noon - SPAN_MS.day, untilMs: noon + SPAN_MS.day };
    const [, midnight = 0, next = 0] = listPoints(interval, "day", { timeZone, most: 10 }) ?? [];
    expect(next - midnight).toBe(hours * SPAN_MS.hour);
  });

  it("are not listed beyond what was asked for", () => {
    const most = { timeZone: "UTC", most: 10 };
    expect(listPoints({ fromMs: 0, untilMs: 10 * MINUTE }, "minute", most)).toHaveLength(11);
    expect(listPoints({ fromMs: 0, untilMs: 11 * MINUTE }, "minute", most)).toBeUndefined();
  });
});

describe("a histogram of stages", () => {
  it("has quantiles that are off by 1 % at most, and that do not depend on how it was put together", () => {
    const durations = fc.array(fc.double({ min: 1.5, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(durations, fc.double({ min: 0.01, max: 1, noNaN: true }), (all, share) => {
        const bins = new Map<number, number>();
        for (const ms of all) bins.set(toStageBin(ms), (bins.get(toStageBin(ms)) ?? 0) + 1);
        const exact = all.sort((a, b) => a - b)[Math.ceil(share * all.length) - 1] ?? 0;
        const found = toQuantile(bins, share) ?? 0;
        expect(Math.abs(found - exact) / exact).toBeLessThanOrEqual(0.01 + 1e-9);
        expect(toQuantile(new Map([...bins].reverse()), share)).toBe(found);
      }),
    );
  });

  it("of nothing has none", () => {
    expect(toQuantile(new Map(), 0.5)).toBeUndefined();
  });
});

const someGroup: fc.Arbitrary<EventGroup> = fc.record({
  kind: fc.constantFrom("sent", "displayed", "clicked", "decided", "refunded"),
  campaign: fc.constantFrom("", "spring"),
  channel: fc.constantFrom("email", "realtime"),
  ...{ variant: fc.constant(""), template: fc.constant(""), locale: fc.constantFrom("", "fr") },
  reason: fc.constantFrom("send", "suppress"),
  rule: fc.constantFrom("", "consent"),
  byPerson: fc.boolean(),
  currency: fc.constantFrom("", "EUR", "USD"),
  stageBin: fc.option(fc.nat(3), { nil: undefined }),
  ...{ count: fc.nat(5), valueMinor: fc.nat(100), costMicros: fc.nat(100) },
});

describe("cells", () => {
  const sumOf = (groups: readonly EventGroup[], cells: readonly Cell[] = []) => {
    const sum = new CellSum();
    for (const group of groups) sum.addGroup(group);
    for (const cell of cells) sum.addCell(cell);
    return sum.toCells();
  };

  it("add up to the same however what they count is cut up, and in whatever order", () => {
    fc.assert(
      fc.property(fc.array(someGroup, { maxLength: 30 }), fc.nat(30), (groups, cut) => {
        const [first, second] = [sumOf(groups.slice(0, cut)), sumOf(groups.slice(cut))];
        const whole = JSON.stringify(sumOf(groups));
        expect(JSON.stringify(sumOf([], [...first, ...second]))).toBe(whole);
        expect(JSON.stringify(sumOf([], [...second, ...first]))).toBe(whole);
      }),
    );
  });

  it("count what programs did beside what people did", () => {
    const place = { campaign: "", channel: "email", variant: "", template: "", locale: "" };
    const clicks = { ...place, kind: "clicked", reason: "", rule: "", currency: "", valueMinor: 0, costMicros: 0 };
    const [cell] = sumOf([
      { ...clicks, count: 2, byPerson: true },
      { ...clicks, count: 5, byPerson: false },
    ]);
    expect(cell?.counts).toEqual({ clicked: 2, clicked_by_program: 5 });
    const clicked = toFunnel({ counts: cell?.counts ?? {} }).steps.find(({ name }) => name === "clicked");
    expect(clicked).toEqual({ name: "clicked", count: 2, rate: 0, byProgram: 5 });
  });

  it("of an order have it once, where it is credited, and its net value to the cent", () => {
    const touch = (campaign: string) => ({ campaign, channel: "email", variant: "", template: "", locale: "" });
    const credits = { first: [9, 0], last: [0, 9], last_non_direct: [0, 9], linear: [5, 4], time_decay: [4, 5] };
    const groups = toCreditGroups({
      ...{ valueMinor: 10, refundedMinor: 1, currency: "EUR", path: [touch("a"), touch("b")] },
      credits: { ...credits, position_based: [5, 4] },
    });
    const cells = sumOf(groups);
    expect(cells.map(({ key, counts, amounts }) => [key.campaign, counts, amounts.EUR])).toEqual([
      ["", { refunded: 1 }, { valueMinor: 0, refundedMinor: 1, costMicros: 0 }],
      ["b", { converted: 1 }, { valueMinor: 9, refundedMinor: 0, costMicros: 0 }],
    ]);
  });
});

describe("cohorts", () => {
  it("begin with the month of the first order by the calendar of the time zone, whatever order orders come in", () => {
    const order = { valueMinor: 500, refundedMinor: 0, currency: "EUR" };
    const orders = [
      { ...order, userId: "ada", at: Date.parse("2026-03-05T00:00:00Z"), refundedMinor: 100 },
      // Still January in New York.
      { ...order, userId: "ada", at: Date.parse("2026-02-01T02:00:00Z") },
      { ...order, userId: "bob", at: Date.parse("2026-01-10T00:00:00Z") },
    ];
    const cohorts = toCohorts(orders, "America/New_York");
    expect(cohorts).toEqual(toCohorts(orders.toReversed(), "America/New_York"));
    expect(cohorts.map(({ month, customers }) => [month, customers])).toEqual([["2026-01", 2]]);
    expect(cohorts[0]?.months.map((month) => [month.offset, month.customers, month.orders])).toEqual([
      [0, 2, 2],
      [2, 1, 1],
    ]);
    expect(cohorts[0]?.months[1]?.amounts.get("EUR")).toEqual({ revenueMinor: 400, refundedMinor: 100 });
    expect(toCohorts(orders, "UTC").map(({ month }) => month)).toEqual(["2026-01", "2026-02"]);
  });
});
