import { normalIsf, normalSf } from "../statistics/normal.ts";
import { COUNT_NAMES, type Counts, toProportions } from "./proportions.ts";
import { refuse } from "./refuse.ts";
import { relativeLift, toLiftFields } from "./relative-lift.ts";

/** Whether two rates differ, at a size fixed beforehand.
 *  Assumes independent users and some ten conversions and non-conversions an arm; looking before the planned size is reached breaks
 *  its error rate (use asymptoticConfidenceSequence then). The interval is Wald's, never pooled.
 *  @throws InvalidInput when the standard error is 0.
 *  Source: A. Agresti, Categorical Data Analysis (2013), §3.1; J. L. Fleiss, Statistical Methods for Rates and Proportions (2003), §3. */
export function twoProportionZTest(
  input: Counts & { readonly alpha: number; readonly variance: "pooled" | "unpooled" },
) {
  const { xA, nA, xB, nB, alpha } = input;
  const { rateA, rateB, difference, errorA, errorB, standardError: unpooled } = toProportions(input, COUNT_NAMES);
  const total = nA + nB;
  const pooledVariance = ((xA + xB) / total) * ((total - xA - xB) / total);
  const standardError = input.variance === "unpooled" ? unpooled : Math.sqrt(pooledVariance * (1 / nA + 1 / nB));
  if (standardError === 0)
    refuse("x_b", "there is no variation: all converted or none did, so there is nothing to test");
  const z = difference / standardError;
  const quantile = normalIsf(alpha / 2);
  return {
    rateA,
    rateB,
    difference,
    standardError,
    z,
    pValue: 2 * normalSf(Math.abs(z)),
    ciLow: difference - quantile * unpooled,
    ciHigh: difference + quantile * unpooled,
    ...toLiftFields(relativeLift({ meanA: rateA, meanB: rateB, errorA, errorB }), quantile),
  };
}
