import { type Estimate, toCombinedVariance, toCovariance, toVariance } from "./moments.ts";
import { refuse } from "./refuse.ts";
import { relativeLift, toLiftFields } from "./relative-lift.ts";
import { compareMeans } from "./welch-t-test.ts";

/** Sums of an arm for Σm/Σd, such as revenue over orders where users are what was randomised. */
export type RatioArm = {
  readonly n: number;
  readonly sumM: number;
  readonly sumSquaresM: number;
  readonly sumD: number;
  readonly sumSquaresD: number;
  readonly sumProducts: number;
};

/** Whether a ratio of two sums differs: its variance by the delta method, then Welch's test.
 *  Assumes independent users and a denominator whose mean is many standard errors from 0. The p-value is that of the absolute
 *  difference. The lift is null when the control's ratio is 0.
 *  Source: A. Deng, U. Knoblich, J. Lu, Applying the Delta Method in Metric Analytics (KDD 2018), eq. 4. */
export function ratioMetricTest(input: { readonly a: RatioArm; readonly b: RatioArm; readonly alpha: number }) {
  const [a, b] = [toRatioEstimate(input.a, "a"), toRatioEstimate(input.b, "b")];
  const { quantile, ...test } = compareMeans(a, b, input.alpha);
  const lift = relativeLift({
    meanA: a.mean,
    meanB: b.mean,
    errorA: a.variance / a.n,
    errorB: b.variance / b.n,
  });
  return {
    ...test,
    meanA: a.mean,
    meanB: b.mean,
    varianceA: a.variance,
    varianceB: b.variance,
    ...toLiftFields(lift, quantile),
  };
}

/** The ratio with the variance that one user adds. */
export function toRatioEstimate(arm: RatioArm, path: string): Estimate {
  const { n, sumM, sumD } = arm;
  const varianceM = toVariance({ n, sum: sumM, sumSquares: arm.sumSquaresM, path: `${path}.sum_squares_m` });
  const varianceD = toVariance({ n, sum: sumD, sumSquares: arm.sumSquaresD, path: `${path}.sum_squares_d` });
  if (sumD === 0) refuse(`${path}.sum_d`, "the denominator adds up to 0, so there is no ratio");
  const covariance = toCovariance({ n, sumX: sumM, sumY: sumD, sumProducts: arm.sumProducts });
  const ratio = sumM / sumD;
  const meanD = sumD / n;
  const terms = [varianceM, -2 * ratio * covariance, ratio * ratio * varianceD];
  return { mean: ratio, variance: toCombinedVariance(terms, `${path}.sum_products`) / (meanD * meanD), n };
}
