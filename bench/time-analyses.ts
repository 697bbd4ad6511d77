import { asymptoticConfidenceSequence } from "../src/domain/experiment/asymptotic-confidence-sequence.ts";
import { betaBinomialBayes } from "../src/domain/experiment/beta-binomial-bayes.ts";
import { cupedTest } from "../src/domain/experiment/cuped-test.ts";
import { gaussianEffectBayes } from "../src/domain/experiment/gaussian-effect-bayes.ts";
import { groupSequentialBounds } from "../src/domain/experiment/group-sequential-bounds.ts";
import { holdoutLift } from "../src/domain/experiment/holdout-lift.ts";
import { nonInferiorityTest } from "../src/domain/experiment/non-inferiority-test.ts";
import { ratioMetricTest } from "../src/domain/experiment/ratio-metric-test.ts";
import { sampleRatioMismatch } from "../src/domain/experiment/sample-ratio-mismatch.ts";
import { minimumDetectableEffectMeans, sampleSizeMeans } from "../src/domain/experiment/sample-size.ts";
import { twoProportionZTest } from "../src/domain/experiment/two-proportion-z-test.ts";
import { welchTTest } from "../src/domain/experiment/welch-t-test.ts";
import { winsorize } from "../src/domain/experiment/winsorize.ts";
import type { Random } from "./random.ts";

const alpha = 0.05;

/** Users of one arm, a value each. */
type Users = {
  readonly converted: Float64Array;
  readonly revenue: Float64Array;
  readonly orders: Float64Array;
  readonly before: Float64Array;
};

/** Milliseconds of each analysis of so many users' data, adding up their values included. */
export function timeAnalyses(users: number, random: Random): Record<string, number> {
  const [a, b] = [drawUsers(Math.floor(users / 2), random), drawUsers(Math.ceil(users / 2), random)];
  const ms: Record<string, number> = {};
  for (const [name, analysis] of Object.entries(analyses(a, b))) {
    const startMs = performance.now();
    analysis();
    ms[name] = Math.round((performance.now() - startMs) * 10) / 10;
  }
  return ms;
}

function analyses(a: Users, b: Users): Record<string, () => unknown> {
  const counts = () => ({ xA: sum(a.converted), nA: a.converted.length, xB: sum(b.converted), nB: b.converted.length });
  const arms = () => ({ a: toArm(a.revenue), b: toArm(b.revenue) });
  return {
    two_proportion_z_test: () => twoProportionZTest({ ...counts(), alpha, variance: "pooled" }),
    welch_t_test: () => welchTTest({ ...toMeans(a.revenue, b.revenue), alpha }),
    ratio_metric_test: () => ratioMetricTest({ a: toRatioArm(a), b: toRatioArm(b), alpha }),
    cuped_test: () => cupedTest({ a: toCupedArm(a), b: toCupedArm(b), alpha }),
    asymptotic_confidence_sequence: () =>
      asymptoticConfidenceSequence({ ...arms(), alpha, tuningParameter: 10_000, differenceType: "relative" }),
    beta_binomial_bayes: () => betaBinomialBayes({ ...counts(), priorAlpha: 1, priorBeta: 1 }),
    gaussian_effect_bayes: () =>
      gaussianEffectBayes({
        ...arms(),
        alpha,
        differenceType: "relative",
        prior: { mean: 0, variance: 0.09, proper: true },
      }),
    group_sequential_bounds: () =>
      groupSequentialBounds({
        informationFractions: Array.from({ length: 20 }, (_, i) => (i + 1) / 20),
        alpha,
        sides: 2,
        spending: "obrien_fleming",
      }),
    sample_ratio_mismatch: () =>
      sampleRatioMismatch({ observed: [a.converted.length, b.converted.length], weights: [1, 1] }),
    non_inferiority_test: () => nonInferiorityTest({ ...counts(), margin: 0.01, alpha }),
    holdout_lift: () => {
      const { xA, nA, xB, nB } = counts();
      return holdoutLift({ xHoldout: xA, nHoldout: nA, xTreated: xB, nTreated: nB, alpha });
    },
    winsorize: () => winsorize({ values: [...a.revenue, ...b.revenue], quantile: 0.99 }),
    sample_size_means: () => sampleSizeMeans({ effectSize: 0.01, alpha, power: 0.8, ratio: 1 }),
    minimum_detectable_effect_means: () =>
      minimumDetectableEffectMeans({ nA: a.converted.length, alpha, power: 0.8, ratio: 1 }),
  };
}

/** One in ten orders, once or more often, for sums with a long tail. */
function drawUsers(count: number, random: Random): Users {
  const users = {
    converted: new Float64Array(count),
    revenue: new Float64Array(count),
    orders: new Float64Array(count),
    before: new Float64Array(count),
  };
  for (let i = 0; i < count; i += 1) {
    users.before[i] = Math.round(-4_000 * Math.log(1 - random()));
    if (random() >= 0.1) continue;
    users.converted[i] = 1;
    users.orders[i] = 1 + Math.floor(3 * random() ** 3);
    users.revenue[i] = Math.round(-4_000 * Math.log(1 - random()) + 0.2 * (users.before[i] ?? 0));
  }
  return users;
}

function sum(values: Float64Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

function sumProducts(one: Float64Array, other: Float64Array): number {
  let total = 0;
  for (const [i, value] of one.entries()) total += value * (other[i] ?? 0);
  return total;
}

function toArm(values: Float64Array) {
  return { n: values.length, sum: sum(values), sumSquares: sumProducts(values, values) };
}

function toMeans(a: Float64Array, b: Float64Array) {
  const [one, other] = [a, b].map((values) => {
    const { n, sum: total, sumSquares } = toArm(values);
    return { n, mean: total / n, variance: (sumSquares - (total * total) / n) / (n - 1) };
  });
  return {
    meanA: one?.mean ?? 0,
    varA: one?.variance ?? 0,
    nA: one?.n ?? 0,
    meanB: other?.mean ?? 0,
    varB: other?.variance ?? 0,
    nB: other?.n ?? 0,
  };
}

function toRatioArm({ revenue, orders }: Users) {
  return {
    n: revenue.length,
    sumM: sum(revenue),
    sumSquaresM: sumProducts(revenue, revenue),
    sumD: sum(orders),
    sumSquaresD: sumProducts(orders, orders),
    sumProducts: sumProducts(revenue, orders),
  };
}

function toCupedArm({ revenue, before }: Users) {
  return {
    n: revenue.length,
    sumPost: sum(revenue),
    sumSquaresPost: sumProducts(revenue, revenue),
    sumPre: sum(before),
    sumSquaresPre: sumProducts(before, before),
    sumProducts: sumProducts(revenue, before),
  };
}
