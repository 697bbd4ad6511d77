import erfc from "@stdlib/math-base-special-erfc";
import quantile from "@stdlib/stats-base-dists-normal-quantile";

const SQRT_HALF = Math.SQRT1_2;
const LOG_SQRT_TWO_PI = 0.9189385332046727;
/** Below it erfc is at its best, above it the continued fraction. */
const FRACTION_FROM = 4;
/** Parts of x² down to here are exact in a double. */
const GRID = 64;
const STEPS_MAX = 50;
/** Beyond it e^(−x²/2) alone would be subnormal and so lose digits before the last multiplication. */
const SCALE_FROM = 37;
const SCALE_LOG = 100;

/** φ(x). */
function normalPdf(x: number): number {
  return scaledBy(1, Math.abs(x)) / Math.sqrt(2 * Math.PI);
}

/** P(Z > x), to the last digits in either tail, down to 5e-324. */
export function normalSf(x: number): number {
  if (x < FRACTION_FROM) return 0.5 * erfc(x * SQRT_HALF);
  return scaledBy(millsRatio(x) / Math.sqrt(2 * Math.PI), x);
}

/** P(Z ≤ x). */
export function normalCdf(x: number): number {
  return normalSf(-x);
}

/** ln P(Z > x), for any finite x: at 1e150 too. */
export function normalLogSf(x: number): number {
  if (x < -1) return Math.log1p(-normalSf(-x));
  if (x < FRACTION_FROM) return Math.log(normalSf(x));
  return Math.log(millsRatio(x)) - LOG_SQRT_TWO_PI - 0.5 * x * x;
}

/** The x with P(Z ≤ x) = p. @param p in (0, 1). */
export function normalPpf(p: number): number {
  return p < 0.5 ? -normalIsf(p) : normalIsf(1 - p);
}

/** The x with P(Z > x) = q: for a small q far more exact than normalPpf(1 − q). @param q in (0, 1).
 *  The package's inverse loses digits in the tail (at 1e-12 half of them), so that there it is Newton's method on ln P(Z > x),
 *  which is concave. */
export function normalIsf(q: number): number {
  if (q > 0.5) return -normalIsf(1 - q);
  if (q === 0.5) return 0;
  if (q > 0.25) return -quantile(q, 0, 1);
  const goal = Math.log(q);
  let x = Math.sqrt(-2 * goal);
  for (let step = 0; step < STEPS_MAX; step += 1) {
    const log = normalLogSf(x);
    const change = (log - goal) * Math.exp(log + 0.5 * x * x + LOG_SQRT_TWO_PI);
    x += change;
    if (Math.abs(change) <= 1e-15 * x) break;
  }
  return x;
}

/** E max(Z − z, 0) = φ(z) − z P(Z > z), without its cancellation for a large z.
 *  Source: with the Mills ratio M = 1/(z + k), 1 − z M = k/(z + k). */
export function unitNormalLoss(z: number): number {
  if (z < FRACTION_FROM) return normalPdf(z) - z * normalSf(z);
  const k = millsTail(z);
  return scaledBy(k / (z + k) / Math.sqrt(2 * Math.PI), z);
}

/** P(Z > x)/φ(x) for x ≥ FRACTION_FROM: 1/(x + 1/(x + 2/(x + 3/(x + …)))). Source: DLMF 7.9.3; Laplace. */
function millsRatio(x: number): number {
  return 1 / (x + millsTail(x));
}

/** 1/(x + 2/(x + 3/(x + …))), from the far end backwards. */
function millsTail(x: number): number {
  const terms = Math.ceil(20 + 600 / x);
  let tail = 0;
  for (let k = terms; k >= 1; k -= 1) tail = k / (x + tail);
  return tail;
}

/** factor · e^(−x²/2) for x ≥ 0, with x² in two parts so that its rounding doesn't show in the result. */
function scaledBy(factor: number, x: number): number {
  if (x > 1e3) return 0;
  const high = Math.floor(x * GRID) / GRID;
  const rest = Math.exp(-0.5 * (x - high) * (x + high));
  if (x < SCALE_FROM) return factor * Math.exp(-0.5 * high * high) * rest;
  return factor * Math.exp(-0.5 * high * high + SCALE_LOG) * rest * Math.exp(-SCALE_LOG);
}
