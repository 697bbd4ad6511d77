/** What no policy that is good on every problem can stay below, as the number of rounds grows: Σ (best − rate) / KL(rate, best) for each
 *  worse arm, times ln(rounds). In successes lost against always taking the best arm.
 *  Source: Lai and Robbins, "Asymptotically efficient adaptive allocation rules", Advances in Applied Mathematics 6 (1985), 4-22.
 *  @param rates of success of the arms, each in (0, 1). */
export function regretBound(rates: readonly number[], rounds: number): number {
  const best = Math.max(...rates);
  const perLog = rates
    .filter((rate) => rate < best)
    .reduce((sum, rate) => sum + (best - rate) / divergence(rate, best), 0);
  return perLog * Math.log(rounds);
}

/** Kullback-Leibler divergence of two Bernoulli distributions, in nats. */
function divergence(p: number, q: number): number {
  return p * Math.log(p / q) + (1 - p) * Math.log((1 - p) / (1 - q));
}
