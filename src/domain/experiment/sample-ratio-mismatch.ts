import { chiSquareSf } from "../statistics/chi-square.ts";
import { refuse } from "./refuse.ts";

/** Whether as many users came into each arm as its weight says (Pearson's chi-square). A tiny p-value (below 0.001, say) means that
 *  something loses users of one arm, so that no comparison of the arms can be trusted.
 *  Assumes some five users expected an arm.
 *  @throws InvalidInput for less than two arms, a weight of 0 or nobody.
 *  Source: A. Fabijan et al., Diagnosing Sample Ratio Mismatch in Online Controlled Experiments (KDD 2019); K. Pearson (1900). */
export function sampleRatioMismatch({
  observed,
  weights,
}: {
  readonly observed: readonly number[];
  readonly weights: readonly number[];
}): { chiSquare: number; df: number; pValue: number } {
  if (observed.length < 2) refuse("observed", "two arms or more are compared");
  if (weights.length !== observed.length)
    refuse("weights", `${weights.length} weights for ${observed.length} arms: one each is needed`);
  for (const [i, weight] of weights.entries())
    if (!(weight > 0)) refuse(`weights[${i}]`, `${weight}: a weight is above 0`);
  const total = observed.reduce((sum, count) => sum + count, 0);
  if (total === 0) refuse("observed", "nobody was assigned yet");
  const weightSum = weights.reduce((sum, weight) => sum + weight, 0);
  const chiSquare = observed.reduce((sum, count, i) => {
    const expected = ((weights[i] ?? 0) / weightSum) * total;
    return sum + (count - expected) * ((count - expected) / expected);
  }, 0);
  const df = observed.length - 1;
  return { chiSquare, df, pValue: chiSquareSf(chiSquare, df) };
}
