import { normalCdf, normalIsf, unitNormalLoss } from "../statistics/normal.ts";
import { toEffect } from "./asymptotic-confidence-sequence.ts";
import { type Arm, toEstimate } from "./moments.ts";
import { refuse } from "./refuse.ts";

/** What is thought of the effect before any data. */
export type Prior = {
  readonly mean: number;
  /** > 0 where it counts. */
  readonly variance: number;
  /** False for no prior at all (flat). */
  readonly proper: boolean;
};

/** Posterior of a lift (or difference) whose estimate is taken as normal, with a normal prior on it: chance to win, interval, and the
 *  expected loss of keeping a or b, in the unit of the effect.
 *  Assumes independent users and enough of them for a normal estimate.
 *  Source: A. Gelman et al., Bayesian Data Analysis (2013), §2.5; H. Raiffa, R. Schlaifer (1961), unit normal loss. */
export function gaussianEffectBayes(input: {
  readonly a: Arm;
  readonly b: Arm;
  readonly alpha: number;
  readonly differenceType: "absolute" | "relative";
  readonly prior: Prior;
}) {
  const { prior, alpha } = input;
  if (prior.proper && !(prior.variance > 0))
    refuse("prior.variance", `${prior.variance}: a proper prior has a variance above 0`);
  const { point, error } = toEffect(toEstimate(input.a, "a"), toEstimate(input.b, "b"), input.differenceType);
  if (error === 0) refuse("b", "no variance is seen in either arm, so there is nothing to learn from");
  const priorPrecision = prior.proper ? 1 / prior.variance : 0;
  const variance = 1 / (1 / error + priorPrecision);
  const mean = variance * (point / error + priorPrecision * prior.mean);
  const deviation = Math.sqrt(variance);
  const z = mean / deviation;
  const half = normalIsf(alpha / 2) * deviation;
  return {
    chanceToWin: normalCdf(z),
    expected: mean,
    ciLow: mean - half,
    ciHigh: mean + half,
    riskA: deviation * unitNormalLoss(-z),
    riskB: deviation * unitNormalLoss(z),
  };
}
