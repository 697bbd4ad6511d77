/** The lift of b over a and its standard error by the delta method; null without a base to compare with. */
export type RelativeLift = { readonly lift: number; readonly standardError: number };

/** (b − a)/a with standard error √(V_b/a² + V_a b²/a⁴), V the squared standard error of each mean.
 *  Assumes that a is many standard errors from 0. Source: G. Casella, R. L. Berger, Statistical Inference (2002), §5.5.4. */
export function relativeLift(sides: {
  readonly meanA: number;
  readonly meanB: number;
  /** Squared standard errors. */
  readonly errorA: number;
  readonly errorB: number;
}): RelativeLift | null {
  const { meanA, meanB, errorA, errorB } = sides;
  if (meanA === 0) return null;
  const ratio = meanB / meanA;
  const standardError = Math.sqrt(errorB + errorA * ratio * ratio) / Math.abs(meanA);
  return { lift: (meanB - meanA) / meanA, standardError };
}

/** The fields of a result, around lift by so many standard errors. */
export function toLiftFields(lift: RelativeLift | null, quantile: number) {
  if (lift === null) return { relativeLift: null, liftStandardError: null, liftCiLow: null, liftCiHigh: null };
  const half = quantile * lift.standardError;
  return {
    relativeLift: lift.lift,
    liftStandardError: lift.standardError,
    liftCiLow: lift.lift - half,
    liftCiHigh: lift.lift + half,
  };
}
