import gammaln from "@stdlib/math-base-special-gammaln";

/** A beta distribution: of the rate of an arm, after `alpha` − prior successes and `beta` − prior failures. Both > 0, finite. */
export type BetaParameters = { readonly alpha: number; readonly beta: number };

/** Where a density is this many e-folds below its highest point, its tail is left out: less than 1e-19 of the whole. */
const foldsMax = 45;
/** So near the peak, in logits, differences are computed as such. */
const nearPeak = 20;

/** The density of the logit u = ln(x/(1−x)) of a beta variable x: x^alpha·(1−x)^beta / B(alpha, beta). */
export function betaLogitDensity({ alpha, beta }: BetaParameters): (u: number) => number {
  const mode = Math.log(alpha) - Math.log(beta);
  const rateAtMode = alpha / (alpha + beta);
  // The logarithm of the density at its highest point. By Stirling's formula its large terms cancel before they are computed: with
  // ten million trials they would cost nine digits.
  const logPeak =
    0.5 * (Math.log(alpha) + Math.log(beta) - Math.log(alpha + beta) - Math.log(2 * Math.PI)) +
    stirlingRemainder(alpha + beta) -
    stirlingRemainder(alpha) -
    stirlingRemainder(beta);
  return (u) => {
    const beyond = u - mode;
    // ln x and ln(1−x) less what they are at the peak.
    const logX =
      Math.abs(beyond) < nearPeak
        ? -Math.log1p((1 - rateAtMode) * Math.expm1(-beyond))
        : logOfRate(u) - logOfRate(mode);
    const log1mX =
      Math.abs(beyond) < nearPeak ? -Math.log1p(rateAtMode * Math.expm1(beyond)) : logOfRate(-u) - logOfRate(-mode);
    return Math.exp(logPeak + alpha * logX + beta * log1mX);
  };
}

/** Where the density begins, rises, is highest, falls and ends. */
export function betaLogitBreaks({ alpha, beta }: BetaParameters): number[] {
  const mode = Math.log(alpha) - Math.log(beta);
  const deviation = Math.sqrt(1 / alpha + 1 / beta);
  const left = mode - 10 * deviation - foldsMax / alpha;
  const right = mode + 10 * deviation + foldsMax / beta;
  return [left, mode - 8 * deviation, mode - 2 * deviation, mode, mode + 2 * deviation, mode + 8 * deviation, right];
}

/** ln x of a logit. */
function logOfRate(u: number): number {
  return u < 0 ? u - Math.log1p(Math.exp(u)) : -Math.log1p(Math.exp(-u));
}

/** lnΓ(z) less (z − ½)·ln z − z + ½·ln 2π. Abramowitz and Stegun 6.1.41. */
function stirlingRemainder(z: number): number {
  if (z < 12) return gammaln(z) - ((z - 0.5) * Math.log(z) - z + 0.5 * Math.log(2 * Math.PI));
  const inverse = 1 / (z * z);
  return (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse * (1 / 1680 - inverse / 1188)))) / z;
}
