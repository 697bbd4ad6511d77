import { findRoot } from "../statistics/find-root.ts";
import { noncentralTSf } from "../statistics/noncentral-t.ts";
import { normalIsf, normalPpf, normalSf } from "../statistics/normal.ts";
import { tIsf } from "../statistics/student-t.ts";
import { refuse } from "./refuse.ts";

/** How sure a test is to be: errors of the first kind at most alpha (two-sided), an effect of the size given found with this power;
 *  b has ratio times as many users as a. */
export type Plan = { readonly alpha: number; readonly power: number; readonly ratio: number };

/** Users an arm to tell p_b from p_a, two-sided; real numbers, to be rounded up.
 *  `arcsine`: on Cohen's effect size h, both tails counted (J. Cohen, Statistical Power Analysis for the Behavioral Sciences, 1988, ch. 6).
 *  `unpooled`: the normal formula (J. L. Fleiss, B. Levin, M. C. Paik, Statistical Methods for Rates and Proportions, 2003, §4).
 *  @throws InvalidInput for equal rates, or a power that alpha alone already gives. */
export function sampleSizeTwoProportions(
  input: Plan & { readonly pA: number; readonly pB: number; readonly formula: "arcsine" | "unpooled" },
): { nA: number; nB: number } {
  const { pA, pB, alpha, power, ratio } = input;
  if (pA === pB) refuse("p_b", "equal rates can't be told apart by any number of users");
  checkPower(input);
  if (input.formula === "unpooled") {
    const quantiles = normalIsf(alpha / 2) + normalPpf(power);
    const nA = (quantiles * quantiles * (pA * (1 - pA) + (pB * (1 - pB)) / ratio)) / (pB - pA) ** 2;
    return { nA, nB: ratio * nA };
  }
  // 2 asin √p_b − 2 asin √p_a as one arc, so that close rates keep their digits.
  const h = 2 * Math.asin((pB - pA) / (Math.sqrt(pB * (1 - pA)) + Math.sqrt(pA * (1 - pB))));
  const quantile = normalIsf(alpha / 2);
  const excess = (z: number): number => Math.log((normalSf(quantile - z) + normalSf(quantile + z)) / power);
  const z = findRoot(excess, 0, quantile + Math.max(1, -normalIsf(power)) + 1);
  const nA = (z / h) ** 2 * (1 + 1 / ratio);
  return { nA, nB: ratio * nA };
}

/** Power of the two-sided pooled t test for two means. @param effectSize difference over the common standard deviation (Cohen's d).
 *  Source: J. Cohen (1988), ch. 2; the noncentral t distribution, exactly. */
export function powerMeans(input: {
  readonly effectSize: number;
  readonly nA: number;
  readonly alpha: number;
  readonly ratio: number;
}): { power: number } {
  checkDegrees(input.nA, input.ratio);
  return { power: powerOf(input) };
}

/** Users an arm to find an effect of this size; real numbers, to be rounded up. @throws InvalidInput for no effect. */
export function sampleSizeMeans(input: Plan & { readonly effectSize: number }): { nA: number; nB: number } {
  const { effectSize, alpha, power, ratio } = input;
  if (effectSize === 0) refuse("effect_size", "no number of users finds an effect of 0");
  checkPower(input);
  // Over the logarithm of the degrees of freedom, which may come near 0.
  const toN = (logDf: number): number => (Math.exp(logDf) + 2) / (1 + ratio);
  const excess = (logDf: number): number =>
    Math.log(powerOf({ effectSize, alpha, ratio, nA: toN(logDf), df: Math.exp(logDf) }) / power);
  const nNormal = ((normalIsf(alpha / 2) + normalPpf(power)) / effectSize) ** 2 * (1 + 1 / ratio);
  let low = Math.log(Math.max(0.5, nNormal * (1 + ratio) * 0.9 - 2));
  let high = low + 1;
  while (excess(high) < 0) high += 1;
  while (excess(low) > 0) low -= 1;
  const nA = toN(findRoot(excess, low, high));
  return { nA, nB: ratio * nA };
}

/** The smallest effect size that so many users find with this power.
 *  @param input.tolerance how far from it the answer may be; by default only the last digits of a double. The statsmodels package
 *  stops within 1e-5: with that tolerance this comes to the same figure, since it starts from the same bounds. */
export function minimumDetectableEffectMeans(
  input: Plan & { readonly nA: number; readonly tolerance?: number | undefined },
): { effectSize: number } {
  const { nA, alpha, power, ratio, tolerance } = input;
  checkDegrees(nA, ratio);
  checkPower(input);
  const excess = (effectSize: number): number => powerOf({ effectSize, nA, alpha, ratio }) - power;
  let [low, high] = [1e-8, 1];
  while (excess(high) < 0) [low, high] = [high, 10 * high];
  while (excess(low) > 0) low /= 10;
  return { effectSize: findRoot(excess, low, high, tolerance) };
}

function powerOf(input: {
  readonly effectSize: number;
  readonly nA: number;
  readonly alpha: number;
  readonly ratio: number;
  readonly df?: number;
}): number {
  const { effectSize, nA, alpha, ratio } = input;
  const df = input.df ?? nA * (1 + ratio) - 2;
  if (effectSize === 0) return alpha;
  const noncentrality = Math.abs(effectSize) * Math.sqrt((nA * ratio) / (1 + ratio));
  const critical = tIsf(alpha / 2, df);
  return Math.min(
    1,
    noncentralTSf(critical, { df, noncentrality }) + noncentralTSf(critical, { df, noncentrality: -noncentrality }),
  );
}

function checkDegrees(nA: number, ratio: number): void {
  if (!(nA * (1 + ratio) > 2))
    refuse("n_a", `${nA} and ${ratio * nA} users leave no degree of freedom: more than 2 are needed`);
}

function checkPower({ alpha, power }: Plan): void {
  if (!(power > alpha))
    refuse("power", `${power}: chance alone gives a power of alpha, ${alpha}, so more is to be asked for`);
}
