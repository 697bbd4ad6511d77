import { refuse } from "./refuse.ts";

export type Procedure = "holm" | "benjamini_hochberg";

/** P-values that allow for there being several, in the order they came, at most 1.
 *  `holm` keeps the chance of any false claim at alpha, under any dependence (S. Holm, Scandinavian Journal of Statistics 6, 1979).
 *  `benjamini_hochberg` keeps the expected share of false claims at alpha, for independent or positively dependent tests
 *  (Y. Benjamini, Y. Hochberg, JRSS B 57, 1995).
 *  @throws InvalidInput for a p-value outside [0, 1]. */
export function adjustPValues({
  pValues,
  procedure,
}: {
  readonly pValues: readonly number[];
  readonly procedure: Procedure;
}): { adjusted: number[] } {
  for (const [i, p] of pValues.entries())
    if (!(p >= 0 && p <= 1)) refuse(`p_values[${i}]`, `${p}: a p-value is in [0, 1]`);
  const rising = pValues.map((p, index) => ({ p, index })).sort((one, other) => one.p - other.p);
  const adjusted = new Array<number>(pValues.length);
  if (procedure === "holm") {
    let most = 0;
    for (const [rank, { p, index }] of rising.entries()) {
      most = Math.max(most, Math.min(1, (rising.length - rank) * p));
      adjusted[index] = most;
    }
    return { adjusted };
  }
  let least = 1;
  for (const [fromEnd, { p, index }] of rising.reverse().entries()) {
    const rank = rising.length - fromEnd;
    least = Math.min(least, Math.max(p, (p * rising.length) / rank));
    adjusted[index] = least;
  }
  return { adjusted };
}
