import { refuse } from "./refuse.ts";

/** Conversions of two arms, a the control. */
export type Counts = { readonly xA: number; readonly nA: number; readonly xB: number; readonly nB: number };

/** Rates with the squared standard error of each and of their difference, not pooled. */
export type Proportions = {
  readonly rateA: number;
  readonly rateB: number;
  readonly difference: number;
  readonly errorA: number;
  readonly errorB: number;
  readonly standardError: number;
};

/** @throws InvalidInput when more converted than were there, or nobody was.
 *  @param names how the wire calls the four counts. */
export function toProportions(counts: Counts, names: readonly [string, string, string, string]): Proportions {
  const { xA, nA, xB, nB } = counts;
  checkArm(xA, nA, [names[0], names[1]]);
  checkArm(xB, nB, [names[2], names[3]]);
  // (x/n)(1 − x/n)/n with n − x exact, so that a rate next to 1 keeps its variance.
  const errorA = ((xA / nA) * ((nA - xA) / nA)) / nA;
  const errorB = ((xB / nB) * ((nB - xB) / nB)) / nB;
  const [rateA, rateB] = [xA / nA, xB / nB];
  return { rateA, rateB, difference: rateB - rateA, errorA, errorB, standardError: Math.sqrt(errorA + errorB) };
}

export const COUNT_NAMES = ["x_a", "n_a", "x_b", "n_b"] as const;

function checkArm(x: number, n: number, [xName, nName]: readonly [string, string]): void {
  if (n < 1) refuse(nName, `${n}: at least one user is needed`);
  if (x > n) refuse(xName, `${x} conversions are more than the ${n} users of ${nName}`);
}
