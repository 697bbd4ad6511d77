import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { z } from "zod";
import { betaCdf } from "./beta.ts";
import { chiSquareSf } from "./chi-square.ts";
import { noncentralTSf } from "./noncentral-t.ts";
import { normalCdf, normalIsf, normalLogSf, normalPpf, normalSf, unitNormalLoss } from "./normal.ts";
import { tIsf, tPpf, tSf } from "./student-t.ts";

/** Values at 50 digits, by mpmath 1.4.1, rounded to a double: the ends of what a double holds, and a choice between. */
const points = z
  .array(z.object({ function: z.string(), args: z.array(z.number()), value: z.number() }))
  .parse(JSON.parse(readFileSync(new URL("./testing/reference-points.json", import.meta.url), "utf8")));

const functions: Readonly<Record<string, (...args: number[]) => number>> = {
  normal_cdf: normalCdf,
  normal_sf: normalSf,
  normal_ppf: normalPpf,
  t_sf: tSf,
  chi2_sf: chiSquareSf,
  beta_cdf: betaCdf,
};

const relative = (got: number, expected: number): number => Math.abs(got - expected) / Math.abs(expected);
const probability = fc.double({ min: 1e-300, max: 0.999, noNaN: true });
const degrees = fc.double({ min: 0.5, max: 1e6, noNaN: true });

describe("distributions", () => {
  test.each(Object.keys(functions))(
    "%s agrees with fifty digits to 1e-11 of itself, in the smallest tails too",
    (name) => {
      const here = points.filter((point) => point.function === name);
      expect(here.length).toBeGreaterThan(9);
      for (const { args, value } of here)
        expect(relative(functions[name]?.(...args) ?? Number.NaN, value), `${name}(${args.join(", ")})`).toBeLessThan(
          1e-11,
        );
    },
  );

  it("are right to the last digit where a double is about to give out", () => {
    for (const [x, expected] of [
      [37.57275, 2.99545984445882e-309],
      [37.685125, 4.3524281919206e-311],
      [37.866375, 4.603620809e-314],
      [38.0005, 2.8310852e-316],
      [38.1165, 3.414394e-318],
      [38.0, 2.88542835e-316],
      [38.3, 3.063e-321],
      [38.4, 6.4e-323],
    ] as const)
      expect(normalSf(x)).toBe(expected);
  });

  it("have quantiles that lead back to the probability", () => {
    fc.assert(
      fc.property(probability, degrees, (q, df) => {
        expect(relative(normalSf(normalIsf(q)), q)).toBeLessThan(1e-12);
        const t = tIsf(q, df);
        if (Number.isFinite(t) && Math.abs(t) > 1e-3) expect(relative(tSf(t, df), q)).toBeLessThan(1e-10);
      }),
      { numRuns: 500 },
    );
  });

  it("are symmetric where they should be", () => {
    fc.assert(
      fc.property(fc.double({ min: -30, max: 30, noNaN: true }), degrees, (x, df) => {
        expect(normalCdf(x)).toBe(normalSf(-x));
        expect(tSf(x, df) + tSf(-x, df)).toBeCloseTo(1, 14);
      }),
    );
    expect(normalPpf(0.5)).toBe(0);
    expect(tPpf(0.5, 3)).toBe(0);
  });

  it("agree with each other where one is a case of another", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.01, max: 25, noNaN: true }),
        fc.double({ min: 0.6, max: 500, noNaN: true }),
        (x, df) => {
          // χ² of one degree is Z², of two it is exponential; t of one degree is Cauchy, of very many it is normal.
          expect(relative(chiSquareSf(x * x, 1), 2 * normalSf(x))).toBeLessThan(1e-12);
          expect(relative(chiSquareSf(x, 2), Math.exp(-x / 2))).toBeLessThan(1e-12);
          expect(relative(tSf(x, 1), Math.atan(1 / x) / Math.PI)).toBeLessThan(1e-12);
          if (x < 8) expect(relative(tSf(x, 1e14), normalSf(x))).toBeLessThan(1e-9);
          const y = x / 26;
          expect(betaCdf(y, df, 1)).toBeCloseTo(y ** df, 13);
          expect(betaCdf(y, df, 3) + betaCdf(1 - y, 3, df)).toBeCloseTo(1, 13);
        },
      ),
    );
  });

  it("have a logarithm of the normal tail far beyond what a double holds", () => {
    expect(normalLogSf(40)).toBeCloseTo(-804.6084420137538, 9);
    // −x²/2 − ln(x√2π), where the rest is below the last digit.
    expect(normalLogSf(1e6)).toBe(-5e11 - Math.log(1e6) - 0.9189385332046727);
    expect(normalLogSf(-37)).toBeLessThan(0);
    expect(relative(normalLogSf(-10), -normalSf(10))).toBeLessThan(1e-14);
  });

  it("have a unit normal loss that doesn't cancel: E max(Z − z, 0)", () => {
    for (const z of [-5, -1, 0, 1, 3, 3.99]) expect(unitNormalLoss(z)).toBeCloseTo(unitNormalLoss(-z) - z, 14);
    // By mpmath at 60 digits.
    expect(relative(unitNormalLoss(4.5), 6.942120456202026e-7)).toBeLessThan(1e-13);
    expect(relative(unitNormalLoss(10), 7.474560254589328e-25)).toBeLessThan(1e-13);
    expect(relative(unitNormalLoss(30), 1.6319567340914013e-199)).toBeLessThan(1e-13);
    expect(relative(unitNormalLoss(4.0000001), unitNormalLoss(3.9999999))).toBeLessThan(1e-6);
  });
});

describe("the noncentral t", () => {
  test.each([
    // By mpmath's quadrature at 30 digits.
    [2, 10, 1, 0.19238843746962475],
    [2, 10, -1, 0.003302485766631587],
    [2.5, 2, 3, 0.7075962257025066],
    [1.96, 1000, 2.8, 0.7994572587057682],
    [1.96, 1e6, 2.8, 0.7995457179448203],
    [12.7, 1, 5, 0.3053008191234825],
    [3.3, 5, -4, 9.19452628472475e-9],
    [4, 50, 0, 0.0001045951231820168],
    [30, 3, 2, 0.0007096464549840287],
    [1.645, 6196, 2.4867, 0.800014907919078],
  ])("beyond %s with %s degrees of freedom at %s", (t, df, noncentrality, expected) => {
    expect(relative(noncentralTSf(t, { df, noncentrality }), expected)).toBeLessThan(1e-11);
  });

  it("without noncentrality is Student's", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.1, max: 50, noNaN: true }), degrees, (t, df) => {
        fc.pre(tSf(t, df) > 1e-290);
        expect(relative(noncentralTSf(t, { df, noncentrality: 0 }), tSf(t, df))).toBeLessThan(1e-9);
      }),
    );
  });
});
