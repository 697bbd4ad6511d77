import gammaln from "@stdlib/math-base-special-gammaln";

const HALF_LOG_TWO_PI = 0.9189385332046727;
/** From here on five terms of the series leave less than 1e-16. */
const SERIES_FROM = 15;

/** What Stirling's formula leaves out: ln Γ(a + 1) − (a + ½) ln a + a − ½ ln 2π, for real a > 0.
 *  Source: C. Loader, Fast and Accurate Computation of Binomial Probabilities (2000), §3; DLMF 5.11.1. */
export function stirlingError(a: number): number {
  if (a < SERIES_FROM) return gammaln(a + 1) - (a + 0.5) * Math.log(a) + a - HALF_LOG_TWO_PI;
  const square = a * a;
  return (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / 1188 / square) / square) / square) / square) / a;
}

/** x ln(x/m) + m − x for x, m > 0, without the cancellation that the formula as written has near x = m.
 *  @param logM ln m, for an m that may be too small to be written down.
 *  Source: C. Loader (2000), §3, "bd0". */
export function deviance(x: number, m: number, logM: number = Math.log(m)): number {
  if (Math.abs(x - m) > 0.1 * (x + m)) return x * (Math.log(x) - logM) + m - x;
  const v = (x - m) / (x + m);
  const square = v * v;
  let sum = (x - m) * v;
  let term = 2 * x * v;
  for (let j = 3; ; j += 2) {
    term *= square;
    const next = sum + term / j;
    if (next === sum) return next;
    sum = next;
  }
}
