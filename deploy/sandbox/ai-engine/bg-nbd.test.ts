import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { readCdnow } from "../../../bench/cdnow.ts";
import {
  expectedPurchases,
  logLikelihood,
  PUBLISHED_CDNOW,
  probabilityAlive,
  probabilityOfPurchase,
} from "./bg-nbd.ts";
import { toStatistics } from "./customer-statistics.ts";
import { fitBgNbd } from "./fit-bg-nbd.ts";
import { hypergeometric } from "./hypergeometric.ts";
import { CALIBRATION_END, readPublishedSample } from "./published-sample.ts";

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

    const fit = fitBgNbd(customers);
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

describe("Gauss's hypergeometric function", () => {
  // By mpmath 1.3, hyp2f1 at 18 digits.
  test.each([
    [2.243, 4.426, 4.219, 0.47, 4.493036934011621],
    [0.243, 2.426, 2.219, 0.9, 1.947631169818601],
    [26.243, 28.426, 28.219, 0.6, 33_237_064_884.6158],
  ])("2F1(%d, %d; %d; %d) is %d", (a, b, c, z, expected) => {
    expect(Math.abs(hypergeometric(a, b, c, z) / expected - 1)).toBeLessThan(1e-13);
  });

  it("is (1 - z)^-a where b and c are equal", () => {
    fc.assert(
      fc.property(positive, positive, fc.double({ min: 0, max: 0.95, noNaN: true }), (a, b, z) => {
        const ratio = hypergeometric(a, b, b, z) / (1 - z) ** -a;
        return Math.abs(ratio - 1) < 1e-11;
      }),
    );
  });

  it("refuses what its series does not serve", () => {
    expect(() => hypergeometric(1, 1, 1, 1)).toThrow(RangeError);
    expect(() => hypergeometric(-1, 1, 1, 0.5)).toThrow(RangeError);
  });
});
