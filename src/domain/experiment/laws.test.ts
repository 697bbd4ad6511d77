import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { adjustPValues } from "./adjust-p-values.ts";
import { asymptoticConfidenceSequence } from "./asymptotic-confidence-sequence.ts";
import { cupedTest } from "./cuped-test.ts";
import { holdoutLift } from "./holdout-lift.ts";
import { normalLogMixture, normalMixtureBound } from "./normal-mixture.ts";
import { ratioMetricTest } from "./ratio-metric-test.ts";
import { minimumDetectableEffectMeans, powerMeans, sampleSizeMeans } from "./sample-size.ts";
import { twoProportionZTest } from "./two-proportion-z-test.ts";
import { welchTTest } from "./welch-t-test.ts";
import { winsorize } from "./winsorize.ts";

const real = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const alpha = real(1e-6, 0.5);
const near = (got: number, expected: number, rel = 1e-9): void =>
  expect(Math.abs(got - expected)).toBeLessThanOrEqual(rel * Math.abs(expected) + 1e-300);

/** Users with an amount and a covariate, as whole numbers so that their sums are exact. */
const users = fc.array(fc.tuple(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 1, max: 9 })), {
  minLength: 3,
  maxLength: 60,
});
type Users = readonly (readonly [number, number])[];
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const toSums = (arm: Users) => ({
  n: arm.length,
  sum: sum(arm.map(([m]) => m)),
  sumSquares: sum(arm.map(([m]) => m * m)),
  sumD: sum(arm.map(([, d]) => d)),
  sumSquaresD: sum(arm.map(([, d]) => d * d)),
  sumProducts: sum(arm.map(([m, d]) => m * d)),
});
const toMoments = (values: readonly number[]) => {
  const mean = sum(values) / values.length;
  return { mean, variance: sum(values.map((value) => (value - mean) ** 2)) / (values.length - 1), n: values.length };
};
const varies = (values: readonly number[]): boolean => new Set(values).size > 1;

describe("tests of two arms", () => {
  it("from sums are the tests of the users themselves", () => {
    fc.assert(
      fc.property(users, users, alpha, (a, b, level) => {
        const [sumsA, sumsB] = [toSums(a), toSums(b)];
        fc.pre(varies(a.map(([m, d]) => m / d)) || varies(b.map(([m, d]) => m / d)));
        const toRatioArm = ({ sum: sumM, sumSquares: sumSquaresM, ...rest }: typeof sumsA) => ({
          ...rest,
          sumM,
          sumSquaresM,
        });
        const got = ratioMetricTest({ a: toRatioArm(sumsA), b: toRatioArm(sumsB), alpha: level });
        // The delta method is Welch's test on m/d̄ − R d/d̄, user by user.
        const linear = (arm: Users, of: typeof sumsA) => {
          const [ratio, meanD] = [of.sum / of.sumD, of.sumD / of.n];
          return { ...toMoments(arm.map(([m, d]) => (m - ratio * d) / meanD)), mean: ratio };
        };
        const [x, y] = [linear(a, sumsA), linear(b, sumsB)];
        const expected = welchTTest({
          meanA: x.mean,
          varA: x.variance,
          nA: x.n,
          meanB: y.mean,
          varB: y.variance,
          nB: y.n,
          alpha: level,
        });
        near(got.standardError, expected.standardError);
        near(got.pValue, expected.pValue);
        near(got.df, expected.df);
      }),
    );
  });

  it("turn their sign, and nothing else, when the arms are swapped", () => {
    fc.assert(
      fc.property(users, users, alpha, (a, b, level) => {
        fc.pre(varies(a.map(([m]) => m)) && varies(b.map(([m]) => m)) && varies([...a, ...b].map(([, d]) => d)));
        const toCupedArm = ({ sum: sumPost, sumSquares: sumSquaresPost, ...rest }: ReturnType<typeof toSums>) => ({
          n: rest.n,
          sumPost,
          sumSquaresPost,
          sumPre: rest.sumD,
          sumSquaresPre: rest.sumSquaresD,
          sumProducts: rest.sumProducts,
        });
        const [one, other] = [toCupedArm(toSums(a)), toCupedArm(toSums(b))];
        const got = cupedTest({ a: one, b: other, alpha: level });
        const turned = cupedTest({ a: other, b: one, alpha: level });
        near(turned.theta, got.theta);
        near(turned.pValue, got.pValue);
        expect(turned.ciLow).toBeCloseTo(-got.ciHigh, 9);
        expect(turned.ciHigh).toBeCloseTo(-got.ciLow, 9);
      }),
    );
  });

  it("exclude 0 from the interval exactly when p is less than alpha", () => {
    fc.assert(
      fc.property(users, users, alpha, (a, b, level) => {
        const [x, y] = [toMoments(a.map(([m]) => m)), toMoments(b.map(([m]) => m))];
        fc.pre(x.variance + y.variance > 0);
        const got = welchTTest({
          meanA: x.mean,
          varA: x.variance,
          nA: x.n,
          meanB: y.mean,
          varB: y.variance,
          nB: y.n,
          alpha: level,
        });
        fc.pre(Math.abs(got.pValue / level - 1) > 1e-9);
        expect(got.ciLow > 0 || got.ciHigh < 0).toBe(got.pValue < level);
        const arms = {
          a: toSums(a),
          b: toSums(b),
          alpha: level,
          tuningParameter: 500,
          differenceType: "absolute",
        } as const;
        const always = asymptoticConfidenceSequence(arms);
        fc.pre(Math.abs(always.pValue / level - 1) > 1e-9);
        expect(always.ciLow > 0 || always.ciHigh < 0).toBe(always.pValue < level);
        // Valid at every look, so never narrower than what is valid at one (for many users, where t is normal).
        if (got.df > 1e3) expect(always.ciHigh - always.ciLow).toBeGreaterThan(got.ciHigh - got.ciLow);
      }),
    );
  });

  it("give a p of 1 to equal arms, and tails far below what 1 − p could say", () => {
    const equal = twoProportionZTest({ xA: 50, nA: 500, xB: 50, nB: 500, alpha: 0.05, variance: "pooled" });
    expect(equal).toMatchObject({ z: 0, pValue: 1, difference: 0, relativeLift: 0 });
    const far = twoProportionZTest({ xA: 1_000, nA: 10_000, xB: 3_000, nB: 10_000, alpha: 0.05, variance: "unpooled" });
    expect(far.pValue).toBeGreaterThan(0);
    expect(far.pValue).toBeLessThan(1e-280);
  });

  it("say null for a lift without a base, and for Fieller's interval when the base can't be told from 0", () => {
    const none = holdoutLift({ xHoldout: 0, nHoldout: 100, xTreated: 9, nTreated: 900, alpha: 0.05 });
    expect(none).toMatchObject({ relativeLift: null, liftCiLow: null, fiellerCiLow: null, fiellerCiHigh: null });
    const few = holdoutLift({ xHoldout: 2, nHoldout: 100, xTreated: 9, nTreated: 900, alpha: 0.05 });
    expect(few).toMatchObject({ relativeLift: -0.5, fiellerCiLow: null, fiellerCiHigh: null });
  });

  it("find a constant metric constant, though its sums are rounded", () => {
    const constant = { n: 1_000, sum: 1_000 * 0.1, sumSquares: 1_000 * 0.1 * 0.1 };
    expect(() =>
      asymptoticConfidenceSequence({
        a: constant,
        b: constant,
        alpha: 0.05,
        tuningParameter: 10,
        differenceType: "absolute",
      }),
    ).toThrow(/no variance/);
  });
});

describe("the normal mixture", () => {
  it("bound is where the log mixture reaches ln(1/alpha)", () => {
    fc.assert(
      fc.property(real(0, 1e9), alpha, real(1e-3, 1e6), real(1e-6, 0.45), (v, level, vOpt, alphaOpt) => {
        const { bound } = normalMixtureBound({ v, alpha: level, vOpt, alphaOpt, sides: 2 });
        const { logMixture } = normalLogMixture({ s: bound, v, vOpt, alphaOpt });
        expect(logMixture).toBeCloseTo(-Math.log(level), 7);
        const { bound: oneSided } = normalMixtureBound({ v, alpha: level, vOpt, alphaOpt, sides: 1 });
        expect(oneSided).toBeGreaterThan(0);
        expect(Number.isFinite(oneSided)).toBe(true);
      }),
    );
  });
});

describe("plans", () => {
  const plan = fc.record({ alpha: real(1e-5, 0.3), power: real(0.35, 0.999), ratio: real(0.1, 10) });

  it("of sample size, power and smallest effect agree with one another", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(plan, real(0.003, 3), (asked, effectSize) => {
        const { nA } = sampleSizeMeans({ ...asked, effectSize });
        near(powerMeans({ effectSize, nA, alpha: asked.alpha, ratio: asked.ratio }).power, asked.power, 1e-8);
        near(
          powerMeans({ effectSize: -effectSize, nA, alpha: asked.alpha, ratio: asked.ratio }).power,
          asked.power,
          1e-8,
        );
        near(minimumDetectableEffectMeans({ ...asked, nA }).effectSize, effectSize, 1e-7);
      }),
      { numRuns: 20 },
    );
  });

  it("of no effect have the power of chance", () => {
    expect(powerMeans({ effectSize: 0, nA: 50, alpha: 0.03, ratio: 1 }).power).toBe(0.03);
    near(powerMeans({ effectSize: 1e-9, nA: 50, alpha: 0.03, ratio: 1 }).power, 0.03);
  });
});

describe("adjusted p-values", () => {
  it("keep the order, are at least the p-values, and Holm's at least Benjamini and Hochberg's", () => {
    fc.assert(
      fc.property(fc.array(real(0, 1), { maxLength: 30 }), (pValues) => {
        const holm = adjustPValues({ pValues, procedure: "holm" }).adjusted;
        const discovery = adjustPValues({ pValues, procedure: "benjamini_hochberg" }).adjusted;
        for (const [i, p] of pValues.entries()) {
          expect(discovery[i]).toBeGreaterThanOrEqual(p);
          expect(holm[i]).toBeGreaterThanOrEqual((discovery[i] ?? 1) * (1 - 1e-15));
          expect(holm[i]).toBeLessThanOrEqual(1);
          for (const [j, q] of pValues.entries()) if (p < q) expect(holm[i]).toBeLessThanOrEqual(holm[j] ?? 0);
        }
      }),
    );
  });
});

describe("winsorised values", () => {
  it("are never above the threshold, and otherwise as they were", () => {
    fc.assert(
      fc.property(fc.array(real(-1e6, 1e6), { minLength: 1, maxLength: 50 }), real(0, 1), (values, quantile) => {
        const { threshold, values: lowered } = winsorize({ values, quantile });
        for (const [i, value] of values.entries()) expect(lowered[i]).toBeCloseTo(Math.min(value, threshold), 12);
        const atMost = values.filter((value) => value <= threshold).length;
        expect(atMost).toBeGreaterThanOrEqual(Math.floor((values.length - 1) * quantile));
      }),
    );
  });
});
