/** The BG/NBD model of repeat buying: while a customer is alive he buys at a rate of his own (gamma over customers: `r`, `alpha` in
 *  units of time), and after each repeat purchase he is gone for good with a probability of his own (beta over customers: `a`, `b`).
 *  All > 0. One unit of time throughout, parameters and histories; weeks below are an example.
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

/** More terms than any history leads to: a look ahead of 10,000 times what has been observed still fits. */
const termsMax = 1_000_000;

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
  const logOdds = logOddsGone(parameters, { x, tX, T });
  // ln(1 + odds), with odds that may be beyond every double.
  const log1pOdds = logOdds > 0 ? logOdds + Math.log1p(Math.exp(-logOdds)) : Math.log1p(Math.exp(logOdds));
  return logA1 + logA2 + logA3 + log1pOdds;
}

/** The probability that the customer will buy again at all, in (0, 1]; 1 for who has bought once, as the model loses nobody before a
 *  repeat purchase. Source: Fader, Hardie and Lee, "Computing P(alive) Using the BG/NBD Model" (2008), equation (5). */
export function probabilityAlive(parameters: BgNbdParameters, customer: CustomerStatistics): number {
  return 1 / (1 + Math.exp(logOddsGone(parameters, customer)));
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

/** How many purchases to expect within the next `weeks` ≥ 0: equation (10) of the paper, in a form that has no pole at a = 1 and
 *  subtracts nothing. With q the probability to stay after a purchase (beta, b + x and a) and z = weeks/(alpha + T + weeks), the
 *  purchases of who never left would be negative binomial, P(n) = (r+x)ₙ/n!·(1−z)^(r+x)·zⁿ, and of the n of them 1 + q + … + qⁿ⁻¹
 *  are made before he leaves: the expectation is Σ P(n)·Σ E[qᵏ], k < n. Summed in closed form over k it is equation (10).
 *  @throws RangeError when a million terms are not enough. */
export function expectedPurchases(parameters: BgNbdParameters, customer: CustomerStatistics, weeks: number): number {
  const { r, alpha, a, b } = parameters;
  const { x, T } = customer;
  const shape = r + x;
  const z = weeks / (alpha + T + weeks);
  let logProbability = -shape * Math.log1p(weeks / (alpha + T));
  let stays = 1;
  let made = 0;
  let sum = 0;
  for (let n = 0; n < termsMax; n++) {
    // P(n + 1) from P(n); its logarithm, since P(0) may be below every double.
    const ratio = (z * (shape + n)) / (n + 1);
    logProbability += Math.log(ratio);
    const before = made;
    made += stays;
    stays *= (b + x + n) / (a + b + x + n);
    const term = Math.exp(logProbability) * made;
    sum += term;
    // What is left is bounded by a geometric series once the terms shrink: by `ratio` or z, and by how `made` grows.
    const shrink = Math.max(ratio, z) * (before === 0 ? 2 : made / before);
    if (shrink < 1 && (term * shrink) / (1 - shrink) <= sum * Number.EPSILON) {
      return sum * probabilityAlive(parameters, customer);
    }
  }
  throw new RangeError(`the expectation over ${weeks} from ${JSON.stringify({ ...parameters, x, T })} does not settle`);
}

/** ln(A4 / A3): how much likelier it is that the newest purchase was the last than that the customer only pauses. */
function logOddsGone({ r, alpha, a, b }: BgNbdParameters, { x, tX, T }: CustomerStatistics): number {
  if (x === 0) return Number.NEGATIVE_INFINITY;
  return Math.log(a / (b + x - 1)) + (r + x) * Math.log((alpha + T) / (alpha + tX));
}
