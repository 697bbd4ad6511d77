import { integrateLogConcave, type Knot } from "./integrate-log-concave.ts";
import { normalLogSf } from "./normal.ts";
import { stirlingError } from "./saddle-point.ts";

/** P(T > t) for the noncentral t: T = (Z + δ)/√(χ²/df). @param t > 0.
 *  E Φ(δ − t s) over s = √(χ²/df), integrated over ln s, where the integrand is log-concave.
 *  Source: N. L. Johnson, S. Kotz, N. Balakrishnan, Continuous Univariate Distributions 2 (1995), §31.3. */
export function noncentralTSf(
  t: number,
  { df, noncentrality }: { readonly df: number; readonly noncentrality: number },
) {
  const a = df / 2;
  const logFactor = Math.LN2 + 0.5 * Math.log(a / (2 * Math.PI)) - stirlingError(a);
  const logIntegrand = (u: number): number =>
    2 * a * (u - Math.expm1(2 * u) / 2) + normalLogSf(t * Math.exp(u) - noncentrality);
  // The chi has its bend at 1, and Φ where its argument is 0, if it ever is.
  const knots: [Knot, ...Knot[]] = [{ at: 0, width: 1 / Math.sqrt(2 * df + 1) }];
  if (noncentrality > 1) knots.push({ at: Math.log(noncentrality / t), width: 1 / noncentrality });
  return Math.exp(logFactor + integrateLogConcave(logIntegrand, knots));
}
