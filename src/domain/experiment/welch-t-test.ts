import { tIsf, tSf } from "../statistics/student-t.ts";
import type { Estimate } from "./moments.ts";
import { refuse } from "./refuse.ts";

/** Whether two means differ, at a size fixed beforehand; the arms' variances need not be equal.
 *  Assumes independent users and means that are close to normal (for skewed revenue: thousands of users, or winsorised values).
 *  @throws InvalidInput for less than 2 users, a negative variance or no variance at all.
 *  Source: B. L. Welch, The generalization of "Student's" problem, Biometrika 34 (1947); df by Satterthwaite (1946). */
export function welchTTest(input: {
  readonly meanA: number;
  readonly varA: number;
  readonly nA: number;
  readonly meanB: number;
  readonly varB: number;
  readonly nB: number;
  readonly alpha: number;
}) {
  const a = { mean: input.meanA, variance: input.varA, n: input.nA };
  const b = { mean: input.meanB, variance: input.varB, n: input.nB };
  const { quantile: _quantile, ...result } = compareMeans(a, b, input.alpha);
  return result;
}

/** The test with the quantile of t that its interval used. */
export function compareMeans(a: Estimate, b: Estimate, alpha: number) {
  if (a.n < 2) refuse("n_a", `${a.n}: a variance needs 2 users or more`);
  if (b.n < 2) refuse("n_b", `${b.n}: a variance needs 2 users or more`);
  if (a.variance < 0) refuse("var_a", `${a.variance}: a variance is 0 or more`);
  if (b.variance < 0) refuse("var_b", `${b.variance}: a variance is 0 or more`);
  const [errorA, errorB] = [a.variance / a.n, b.variance / b.n];
  const error = errorA + errorB;
  if (error === 0) refuse("var_b", "both variances are 0, so there is nothing to test");
  const difference = b.mean - a.mean;
  const standardError = Math.sqrt(error);
  // In shares of the error, so that nothing overflows.
  const df = 1 / ((errorA / error) ** 2 / (a.n - 1) + (errorB / error) ** 2 / (b.n - 1));
  const t = difference / standardError;
  const quantile = tIsf(alpha / 2, df);
  return {
    difference,
    standardError,
    t,
    df,
    pValue: 2 * tSf(Math.abs(t), df),
    ciLow: difference - quantile * standardError,
    ciHigh: difference + quantile * standardError,
    quantile,
  };
}
