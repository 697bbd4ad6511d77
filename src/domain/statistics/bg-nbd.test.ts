import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { readCdnow } from "../../../bench/cdnow.ts";
import { toStatistics } from "../../../deploy/sandbox/ai-engine/customer-statistics.ts";
import { CALIBRATION_END, readPublishedSample } from "../../../deploy/sandbox/ai-engine/published-sample.ts";
import {
  expectedPurchases,
  logLikelihood,
  PUBLISHED_CDNOW,
  probabilityAlive,
  probabilityOfPurchase,
} from "./bg-nbd.ts";
import { fitBgNbd, groupCustomers } from "./fit-bg-nbd.ts";

const positive = fc.double({ min: 0.05, max: 20, noNaN: true });
const parameters = fc.record({ r: positive, alpha: positive, a: positive, b: positive });
const customer = fc
  .record({
    x: fc.nat(60),
    T: fc.double({ min: 0, max: 78, noNaN: true }),
    part: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ x, T, part }) => ({ x, T, tX: x === 0 ? 0 : T * part }));

describe("the model fitted to CDNOW", () => {
  it("is the published one, on the published sample of 2,357 customers over 39 weeks", async () => {
    const sample = await readPublishedSample();
    const customers = [...toStatistics(await readCdnow(), CALIBRATION_END)].flatMap(([id, statistics]) =>
      sample.has(id) ? [statistics] : [],
    );
    expect(customers).toHaveLength(2_357);
    // As summed over the summary that the Python package Lifetimes 0.11.3 carries, which is rounded to 0.01 weeks.
    const sum = (of: "x" | "tX" | "T") => customers.reduce((total, statistics) => total + statistics[of], 0);
    expect(sum("x")).toBe(2_457);
    expect(sum("tX")).toBeCloseTo(16_135.52, 0);
    expect(sum("T")).toBeCloseTo(77_111.21, 0);

    const fit = fitBgNbd(groupCustomers(customers));
    // Table 2 of the paper has three digits; its log-likelihood has one.
    for (const name of ["r", "alpha", "a", "b"] as const)
      expect(Math.abs(fit.parameters[name] - PUBLISHED_CDNOW[name]), name).toBeLessThan(0.001);
    expect(Math.abs(fit.logLikelihood - -9_582.4)).toBeLessThan(0.05);
  });
});

describe("what is foreseen of one customer", () => {
  // By numerical integration (mpmath 1.3, 18 digits) of the model's own definition over both mixing distributions, none of the closed
  // forms used. The last column of the third row is what the authors' spreadsheet shows for its customer 1: 1.226.
  test.each([
    [{ x: 0, tX: 0, T: 38.86 }, 4, -0.55471327643816, 1, 0.021254136407396, 0.022152621466485],
    [{ x: 2, tX: 30.43, T: 38.86 }, 4, -9.4586063070663, 0.72657857008067, 0.13069432378472, 0.14733443008416],
    [{ x: 2, tX: 30.43, T: 38.86 }, 39, -9.4586063070663, 0.72657857008067, 0.554627137917, 1.2260281747671],
    [{ x: 7, tX: 5.5, T: 35 }, 4, -13.996278692063, 0.00048380720288574, 0.00024358323574519, 0.00034463293624434],
    [{ x: 26, tX: 30.86, T: 31 }, 52, -37.726579473564, 0.96891564971712, 0.96891564966832, 25.758195941177],
  ])("agrees with integration of the definition to 1e-9: %o, %d weeks", (history, weeks, ...expected) => {
    const actual = [
      logLikelihood(PUBLISHED_CDNOW, history),
      probabilityAlive(PUBLISHED_CDNOW, history),
      probabilityOfPurchase(PUBLISHED_CDNOW, history, weeks),
      expectedPurchases(PUBLISHED_CDNOW, history, weeks),
    ];
    actual.forEach((value, i) => {
      expect(Math.abs(value / (expected[i] ?? Number.NaN) - 1)).toBeLessThan(1e-9);
    });
  });

  it("is a probability, and one of a purchase never above that of being alive", () => {
    fc.assert(
      fc.property(parameters, customer, fc.double({ min: 0, max: 100, noNaN: true }), (model, history, weeks) => {
        const alive = probabilityAlive(model, history);
        const buys = probabilityOfPurchase(model, history, weeks);
        return alive >= 0 && alive <= 1 && buys >= 0 && buys <= alive;
      }),
    );
  });

  it("grows with the weeks that are looked ahead, and sinks with every week of silence", () => {
    fc.assert(
      fc.property(parameters, customer, positive, positive, (model, history, weeks, more) => {
        const later = { ...history, T: history.T + more };
        return (
          probabilityOfPurchase(model, history, weeks + more) >= probabilityOfPurchase(model, history, weeks) &&
          probabilityAlive(model, later) <= probabilityAlive(model, history)
        );
      }),
    );
  });

  it("says that nobody is gone who has bought only once", () => {
    fc.assert(fc.property(parameters, positive, (model, T) => probabilityAlive(model, { x: 0, tX: 0, T }) === 1));
  });
});

describe("the purchases to expect", () => {
  it("go smoothly through a = 1, where the paper's equation divides by zero", () => {
    fc.assert(
      fc.property(parameters, customer, positive, (model, history, weeks) => {
        const at = (a: number) => expectedPurchases({ ...model, a }, history, weeks);
        const step = 1e-4;
        return Math.abs((at(1 - step) + at(1 + step)) / 2 / at(1) - 1) < 1e-6;
      }),
    );
  });

  it("are never more than those of who cannot leave, and of nobody within no time", () => {
    fc.assert(
      fc.property(parameters, customer, positive, (model, history, weeks) => {
        const rate = (model.r + history.x) / (model.alpha + history.T);
        return (
          expectedPurchases(model, history, weeks) <= rate * weeks * (1 + 1e-12) &&
          expectedPurchases(model, history, 0) === 0
        );
      }),
    );
  });

  it("stay finite for a history whose odds are beyond every double", () => {
    const history = { x: 400, tX: 1, T: 300 };
    expect(probabilityAlive(PUBLISHED_CDNOW, history)).toBeGreaterThanOrEqual(0);
    expect(expectedPurchases(PUBLISHED_CDNOW, history, 10)).toBeLessThan(1e-100);
    expect(Number.isFinite(logLikelihood(PUBLISHED_CDNOW, history))).toBe(true);
  });
});

describe("a fit", () => {
  it("does not depend on the unit of time", async () => {
    const sample = [...toStatistics(await readCdnow(), CALIBRATION_END).values()].filter(
      (_, index) => index % 20 === 0,
    );
    const weeks = groupCustomers(sample);
    const days = weeks.map((group) => ({ ...group, tX: group.tX * 7, T: group.T * 7 }));
    const [one, other] = [fitBgNbd(weeks).parameters, fitBgNbd(days).parameters];
    expect(other.alpha / 7 / one.alpha).toBeCloseTo(1, 5);
    expect(other.a / one.a).toBeCloseTo(1, 5);
  });

  it("refuses histories that tell nothing of leaving", () => {
    expect(() => fitBgNbd([{ x: 0, tX: 0, T: 30, customers: 300 }])).toThrow(RangeError);
  });
});
