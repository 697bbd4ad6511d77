import { continuedFraction } from "./continued-fraction.ts";
import { deviance, stirlingError } from "./saddle-point.ts";

/** A number x in (0, 1) with y = 1 − x and both logarithms, so that either end is exact and no end is too near. */
export type UnitPoint = { readonly x: number; readonly y: number; readonly logX: number; readonly logY: number };

/** Logarithms of P(X ≤ x), P(X > x) and of x(1 − x) times the density at x. */
export type BetaTails = { readonly logLower: number; readonly logUpper: number; readonly logDensity: number };

/** P(X ≤ x) for X ~ Beta(a, b), a, b > 0. */
export function betaCdf(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  return Math.exp(betaTails({ x, y: 1 - x, logX: Math.log(x), logY: Math.log1p(-x) }, a, b).logLower);
}

/** 1/(1 + e^−u). */
export function fromLogit(u: number): UnitPoint {
  const small = Math.exp(-Math.abs(u));
  const logLarge = -Math.log1p(small);
  const near = { value: 1 / (1 + small), log: logLarge };
  const far = { value: small / (1 + small), log: logLarge - Math.abs(u) };
  const [one, other] = u >= 0 ? [near, far] : [far, near];
  return { x: one.value, y: other.value, logX: one.log, logY: other.log };
}

/** Both tails of Beta(a, b) at a point, as logarithms: nothing underflows. The tail that is smaller comes from the continued fraction
 *  of Didonato and Morris, whose terms use a·y − b·x and so keep their digits at a million degrees of freedom (the classical one,
 *  DLMF 8.17.22, loses six there). The prefix is Loader's.
 *  Sources: A. R. Didonato, A. H. Morris, Algorithm 708, ACM TOMS 18 (1992), eq. 9; C. Loader (2000). */
export function betaTails(point: UnitPoint, a: number, b: number): BetaTails {
  const n = a + b;
  const { x, y, logX, logY } = point;
  const logDensity =
    0.5 * Math.log((a / n) * (b / (2 * Math.PI))) +
    stirlingError(n) -
    stirlingError(a) -
    stirlingError(b) -
    deviance(a, n * x, Math.log(n) + logX) -
    deviance(b, n * y, Math.log(n) + logY);
  if (a * y >= b * x) {
    const logLower = Math.min(0, logDensity - Math.log(tailFraction(point, a, b)));
    return { logLower, logUpper: logComplement(logLower), logDensity };
  }
  const mirrored = { x: y, y: x, logX: logY, logY: logX };
  const logUpper = Math.min(0, logDensity - Math.log(tailFraction(mirrored, b, a)));
  return { logLower: logComplement(logUpper), logUpper, logDensity };
}

/** x^a y^b / B(a, b) divided by I_x(a, b). */
function tailFraction({ x, y }: UnitPoint, a: number, b: number): number {
  const lambda = a * y - b * x;
  return continuedFraction((m, into) => {
    const step = a + 2 * m - 1;
    into.a = m === 0 ? 0 : ((((a + m - 1) * x) / step) * ((a + b + m - 1) * x * m * (b - m))) / step;
    into.b = m + (m === 0 ? 0 : (m * (b - m) * x) / step) + ((a + m) / (a + 2 * m + 1)) * (lambda + 1 + m * (1 + y));
  });
}

/** ln(1 − e^l) for l ≤ 0. */
function logComplement(l: number): number {
  return l > -Math.LN2 ? Math.log(-Math.expm1(l)) : Math.log1p(-Math.exp(l));
}
