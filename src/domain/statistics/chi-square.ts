import { continuedFraction } from "./continued-fraction.ts";
import { deviance, stirlingError } from "./saddle-point.ts";

/** P(X > x) for a chi-square of df degrees of freedom, to 1e-12 in relation to itself, however small.
 *  @param df > 0, need not be whole. */
export function chiSquareSf(x: number, df: number): number {
  return x <= 0 ? 1 : gammaUpper(df / 2, x / 2);
}

/** Q(a, x) = Γ(a, x)/Γ(a). Series below the mean, Legendre's continued fraction above it, both times a saddle-point prefix that
 *  doesn't cancel for large a. Sources: DLMF 8.7.1, 8.9.2; C. Loader (2000) for the prefix. */
function gammaUpper(a: number, x: number): number {
  // x^a e^−x / Γ(a + 1)
  const prefix = Math.exp(-stirlingError(a) - deviance(a, x)) / Math.sqrt(2 * Math.PI * a);
  if (x < a + 1) return 1 - prefix * lowerSeries(a, x);
  if (prefix === 0) return 0;
  const fraction = continuedFraction((m, into) => {
    into.a = m * (a - m);
    into.b = x - a + (2 * m + 1);
  });
  return (prefix * a) / fraction;
}

/** 1 + x/(a + 1) + x²/((a + 1)(a + 2)) + … */
function lowerSeries(a: number, x: number): number {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > sum * 1e-17; k += 1) {
    term *= x / (a + k);
    sum += term;
  }
  return sum;
}
