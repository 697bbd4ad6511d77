import { centredSum } from "../statistics/centred-sum.ts";
import { type Estimate, toCombinedVariance, toCovariance, toVariance } from "./moments.ts";
import { relativeLift, toLiftFields } from "./relative-lift.ts";
import { compareMeans } from "./welch-t-test.ts";

/** Sums of an arm: the metric (post) and the same users' covariate from before the experiment (pre). */
export type CupedArm = {
  readonly n: number;
  readonly sumPost: number;
  readonly sumSquaresPost: number;
  readonly sumPre: number;
  readonly sumSquaresPre: number;
  readonly sumProducts: number;
};

/** Welch's test on the metric less θ times what was known before: the same difference with less noise.
 *  Assumes that the covariate was measured before assignment, so that the treatment can't have moved it. θ is that of both arms
 *  as one sample, and 0 when either has no variance. The lift is in relation to the control's unadjusted mean.
 *  Source: A. Deng, Y. Xu, R. Kohavi, T. Walker, Improving the Sensitivity of Online Controlled Experiments (WSDM 2013), §3. */
export function cupedTest(input: { readonly a: CupedArm; readonly b: CupedArm; readonly alpha: number }) {
  const { theta, a, b } = adjustArms(input.a, input.b);
  const { quantile, ...test } = compareMeans(a, b, input.alpha);
  const [rawA, rawB] = [input.a.sumPost / a.n, input.b.sumPost / b.n];
  const spread = relativeLift({ meanA: rawA, meanB: rawB, errorA: a.variance / a.n, errorB: b.variance / b.n });
  const lift = spread === null ? null : { lift: test.difference / rawA, standardError: spread.standardError };
  return {
    theta,
    ...test,
    meanA: a.mean,
    meanB: b.mean,
    varianceA: a.variance,
    varianceB: b.variance,
    ...toLiftFields(lift, quantile),
  };
}

/** Both arms' means and variances less what was known before. */
export function adjustArms(a: CupedArm, b: CupedArm): { theta: number; a: Estimate; b: Estimate } {
  const theta = toTheta(addArms(a, b));
  return { theta, a: adjust(a, theta, "a"), b: adjust(b, theta, "b") };
}

function toTheta(both: CupedArm): number {
  const post = toVariance({ n: both.n, sum: both.sumPost, sumSquares: both.sumSquaresPost, path: "sum_squares_post" });
  const pre = toVariance({ n: both.n, sum: both.sumPre, sumSquares: both.sumSquaresPre, path: "sum_squares_pre" });
  return post === 0 || pre === 0 ? 0 : centredProducts(both) / (both.n - 1) / pre;
}

function adjust(arm: CupedArm, theta: number, path: string): Estimate {
  const { n, sumPost, sumPre } = arm;
  const post = toVariance({ n, sum: sumPost, sumSquares: arm.sumSquaresPost, path: `${path}.sum_squares_post` });
  const pre = toVariance({ n, sum: sumPre, sumSquares: arm.sumSquaresPre, path: `${path}.sum_squares_pre` });
  const covariance = toCovariance({ n, sumX: sumPost, sumY: sumPre, sumProducts: arm.sumProducts });
  const terms = [post, theta * theta * pre, -2 * theta * covariance];
  return {
    mean: sumPost / n - theta * (sumPre / n),
    variance: toCombinedVariance(terms, `${path}.sum_products`),
    n,
  };
}

function centredProducts({ n, sumPost, sumPre, sumProducts }: CupedArm): number {
  return centredSum({ n, sumX: sumPost, sumY: sumPre, sumProducts });
}

function addArms(a: CupedArm, b: CupedArm): CupedArm {
  return {
    n: a.n + b.n,
    sumPost: a.sumPost + b.sumPost,
    sumSquaresPost: a.sumSquaresPost + b.sumSquaresPost,
    sumPre: a.sumPre + b.sumPre,
    sumSquaresPre: a.sumSquaresPre + b.sumSquaresPre,
    sumProducts: a.sumProducts + b.sumProducts,
  };
}
