import { centredSum } from "../statistics/centred-sum.ts";
import { refuse } from "./refuse.ts";

/** What an arm adds up to: enough for its mean and variance, and arms of the same metric can be added. */
export type Arm = {
  /** Users, ≥ 2 where a variance is wanted. */
  readonly n: number;
  readonly sum: number;
  /** In (metric unit)². */
  readonly sumSquares: number;
};

/** One side of a comparison. */
export type Estimate = {
  readonly mean: number;
  /** Of one user (n − 1 in the denominator), in (metric unit)². */
  readonly variance: number;
  readonly n: number;
};

/** Sums are rounded, so of a constant metric something of this size, in relation to the sum of squares, may remain. */
const ROUNDING = 4 * Number.EPSILON;

export function toEstimate(arm: Arm, path: string): Estimate {
  return { mean: arm.sum / arm.n, variance: toVariance({ ...arm, path }), n: arm.n };
}

/** s² with n − 1. @throws InvalidInput when the sums can't be those of any numbers. */
export function toVariance(sums: {
  readonly n: number;
  readonly sum: number;
  readonly sumSquares: number;
  readonly path: string;
}): number {
  const { n, sum, sumSquares, path } = sums;
  if (n < 2) refuse(path, `${n} users: a variance needs 2 or more`);
  const centred = centredSum({ n, sumX: sum, sumY: sum, sumProducts: sumSquares });
  if (Math.abs(centred) <= ROUNDING * Math.abs(sumSquares)) return 0;
  if (centred < 0) refuse(path, `a sum of squares of ${sumSquares} is less than the sum ${sum} of ${n} users allows`);
  return centred / (n - 1);
}

/** Covariance with n − 1. */
export function toCovariance(sums: {
  readonly n: number;
  readonly sumX: number;
  readonly sumY: number;
  readonly sumProducts: number;
}): number {
  return centredSum(sums) / (sums.n - 1);
}

/** A variance made of terms that may cancel: below the terms' rounding it is none, and further below it is a contradiction. */
export function toCombinedVariance(terms: readonly number[], path: string): number {
  const sum = terms.reduce((total, term) => total + term, 0);
  const size = terms.reduce((total, term) => total + Math.abs(term), 0);
  if (Math.abs(sum) <= ROUNDING * size) return 0;
  if (sum < 0)
    refuse(path, "the sums contradict each other: a sum of products is larger than the sums of squares allow");
  return sum;
}
