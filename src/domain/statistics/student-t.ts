import betaln from "@stdlib/math-base-special-betaln";
import { type BetaTails, betaTails } from "./beta.ts";
import { normalIsf } from "./normal.ts";

/** From here on (in units of √df) the first two terms of the series of the beta function are exact. */
const FAR = 1e8;
const STEPS_MAX = 100;

/** P(T > t) for Student's t of df degrees of freedom, in relation to itself to 1e-12, however small. @param df > 0, need not be whole. */
export function tSf(t: number, df: number): number {
  if (t === 0) return 0.5;
  const tail = Math.exp(tTails(Math.abs(t), df).logTail);
  return t > 0 ? tail : 1 - tail;
}

/** The t with P(T ≤ t) = p. @param p in (0, 1). Infinite only where it exceeds what a double holds. */
export function tPpf(p: number, df: number): number {
  return p < 0.5 ? -tIsf(p, df) : tIsf(1 - p, df);
}

/** The t with P(T > t) = q: for a small q far more exact than tPpf(1 − q).
 *  Newton's method on the logarithms of tail (or, near the middle, of P(0 < T < t)) and t, where both are concave, so that it
 *  comes from one side. */
export function tIsf(q: number, df: number): number {
  if (q > 0.5) return -tIsf(1 - q, df);
  if (q === 0.5) return 0;
  const isCentral = q > 0.25;
  const goal = Math.log(isCentral ? 0.5 - q : q);
  let u = Math.log(normalIsf(q));
  for (let step = 0; step < STEPS_MAX; step += 1) {
    const { logTail, logCentre, logDensity } = tTails(Math.exp(u), df);
    const log = isCentral ? logCentre : logTail;
    const change = ((isCentral ? 1 : -1) * (goal - log)) / Math.exp(logDensity - log);
    u += change;
    if (!(Math.abs(change) > 1e-15 * Math.max(1, Math.abs(u)))) break;
  }
  return Math.exp(u);
}

/** Logarithms of P(T > t), P(0 < T < t) and of t times the density, for t > 0.
 *  P(T > t) = ½ I_x(df/2, ½) with x = df/(df + t²). Source: DLMF 8.17, NIST handbook 26.7.1. */
function tTails(t: number, df: number): { logTail: number; logCentre: number; logDensity: number } {
  const r = t / Math.sqrt(df);
  const { logLower, logUpper, logDensity } = r > FAR ? farTails(r, df / 2) : nearTails(r, df / 2);
  return { logTail: logLower - Math.LN2, logCentre: logUpper - Math.LN2, logDensity };
}

function nearTails(r: number, a: number): BetaTails {
  const square = r * r;
  const logX = -Math.log1p(square);
  return betaTails({ x: 1 / (1 + square), y: square / (1 + square), logX, logY: logX + 2 * Math.log(r) }, a, 0.5);
}

function farTails(r: number, a: number): BetaTails {
  const logDensity = -2 * a * Math.log(r) - betaln(a, 0.5);
  const logLower = logDensity - Math.log(a);
  return { logLower, logUpper: Math.log1p(-Math.exp(logLower)), logDensity };
}
