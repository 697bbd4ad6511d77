import { hypergeometric } from "./hypergeometric.ts";

/** The BG/NBD model of repeat buying: while a customer is alive he buys at a rate of his own (gamma over customers: `r`, `alpha` in
 *  weeks), and after each repeat purchase he is gone for good with a probability of his own (beta over customers: `a`, `b`). All > 0.
 *  Source: Fader, Hardie and Lee, "Counting Your Customers the Easy Way: An Alternative to the Pareto/NBD Model", Marketing Science
 *  24 (2005), 275-284. */
export type BgNbdParameters = {
  readonly r: number;
  readonly alpha: number;
  readonly a: number;
  readonly b: number;
};

/** All that the model needs to know of a customer. */
export type CustomerStatistics = {
  /** Days with a purchase after the first such day: a whole number ≥ 0. */
  readonly x: number;
  /** Weeks from the first purchase to the newest, 0 ≤ tX ≤ T; 0 when there is only one. */
  readonly tX: number;
  /** Weeks from the first purchase until now. */
  readonly T: number;
};

/** What the paper's table 2 reports for a tenth of CDNOW's customers over 39 weeks. */
export const PUBLISHED_CDNOW: BgNbdParameters = { r: 0.243, alpha: 4.414, a: 0.793, b: 2.426 };

/** Natural logarithm of the likelihood of one customer's history, equation (6) of the paper. */
export function logLikelihood(parameters: BgNbdParameters, { x, tX, T }: CustomerStatistics): number {
  const { r, alpha, a, b } = parameters;
  // x is a whole number, so that each quotient of gamma functions is a product: nothing is lost to cancellation, and no gamma
  // function is needed. The terms are A1·A2·(A3 + A4) of the authors' note on the model in a spreadsheet.
  let logA1 = r * Math.log(alpha);
  let logA2 = 0;
  for (let i = 0; i < x; i++) {
    logA1 += Math.log(r + i);
    logA2 += Math.log((b + i) / (a + b + i));
  }
  const logA3 = -(r + x) * Math.log(alpha + T);
  return logA1 + logA2 + logA3 + Math.log1p(oddsGone(parameters, { x, tX, T }));
}

/** The probability that the customer will buy again at all, in (0, 1]; 1 for who has bought once, as the model loses nobody before a
 *  repeat purchase. Source: Fader, Hardie and Lee, "Computing P(alive) Using the BG/NBD Model" (2008), equation (5). */
export function probabilityAlive(parameters: BgNbdParameters, customer: CustomerStatistics): number {
  return 1 / (1 + oddsGone(parameters, customer));
}

/** The probability of at least one purchase within the next `weeks`, in [0, 1). Alive, his rate is gamma distributed with r + x and
 *  alpha + T, and only a purchase can end that; so no purchase has the probability of a Poisson process that is mixed by it. */
export function probabilityOfPurchase(
  parameters: BgNbdParameters,
  customer: CustomerStatistics,
  weeks: number,
): number {
  const { r, alpha } = parameters;
  const { x, T } = customer;
  // 1 - (…)^(r + x), without the loss of digits when it is small.
  return -Math.expm1(-(r + x) * Math.log1p(weeks / (alpha + T))) * probabilityAlive(parameters, customer);
}

/** How many purchases to expect within the next `weeks` ≥ 0. Equation (10) of the paper.
 *  @throws RangeError where that equation holds not: a = 1, or a + b + x ≤ 1. */
export function expectedPurchases(parameters: BgNbdParameters, customer: CustomerStatistics, weeks: number): number {
  const { r, alpha, a, b } = parameters;
  const { x, T } = customer;
  if (a === 1) throw new RangeError("a is 1, where the expectation has no closed form");
  const z = weeks / (alpha + T + weeks);
  const still = Math.exp(-(r + x) * Math.log1p(weeks / (alpha + T))) * hypergeometric(r + x, b + x, a + b + x - 1, z);
  return ((a + b + x - 1) / (a - 1)) * (1 - still) * probabilityAlive(parameters, customer);
}

/** A4 / A3: how much likelier it is that the newest purchase was the last than that the customer only pauses. */
function oddsGone({ r, alpha, a, b }: BgNbdParameters, { x, tX, T }: CustomerStatistics): number {
  if (x === 0) return 0;
  return (a / (b + x - 1)) * Math.exp((r + x) * Math.log((alpha + T) / (alpha + tX)));
}
