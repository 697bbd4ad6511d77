import { normalIsf, normalSf } from "../statistics/normal.ts";
import { COUNT_NAMES, type Counts, toProportions } from "./proportions.ts";
import { refuse } from "./refuse.ts";

/** Whether b's rate is worse than a's by less than a margin; higher is better. One-sided, at a size fixed beforehand.
 *  Assumes as twoProportionZTest does. @param input.margin in the unit of the rates.
 *  Source: W. C. Blackwelder, Proving the null hypothesis in clinical trials, Controlled Clinical Trials 3 (1982). */
export function nonInferiorityTest(input: Counts & { readonly margin: number; readonly alpha: number }) {
  const { margin, alpha } = input;
  const { difference, standardError } = toProportions(input, COUNT_NAMES);
  if (standardError === 0) refuse("x_b", "there is no variation in either arm, so there is nothing to test");
  const z = (difference + margin) / standardError;
  const pValue = normalSf(z);
  return {
    difference,
    standardError,
    z,
    pValue,
    ciLow: difference - normalIsf(alpha) * standardError,
    nonInferior: pValue < alpha,
  };
}
