import { createHash } from "node:crypto";
import { invariant } from "../assert.ts";

export type Choice = {
  /** Index of the arm. */
  readonly arm: number;
  /** With which probability it is chosen, over all seeds: what off-policy evaluation divides by. */
  readonly propensity: number;
};

/** Chooses an arm with the probabilities of an allocation. With those of `thompsonAllocation` this is Thompson sampling: to draw a rate
 *  for each arm and take the largest chooses each as often as it is the largest. But here the propensity is known exactly, and
 *  the allocation is computed once for all decisions until an outcome changes it.
 *  Source: Thompson, "On the likelihood that one unknown probability exceeds another", Biometrika 25 (1933), 285-294.
 *  @param probabilities they sum to 1. @param seed the same leads to the same choice; the decision's id, say. */
export function chooseArm(probabilities: readonly number[], seed: string): Choice {
  invariant(probabilities.length > 0, "no arm to choose from");
  let left = toUniform(seed);
  for (const [arm, propensity] of probabilities.entries()) {
    left -= propensity;
    if (left < 0) return { arm, propensity };
  }
  // Rounding may leave some 1e-16 over: it is the last arm's that has any probability.
  const arm = probabilities.findLastIndex((probability) => probability > 0);
  return { arm, propensity: probabilities[arm] ?? 0 };
}

/** Gives every arm a least probability, and the others what is left in their old proportion. Bounds the weights of an evaluation that
 *  looks back, and keeps each arm's data coming.
 *  @param least in [0, 1/arms]. */
export function withLeast(probabilities: readonly number[], least: number): number[] {
  const left = 1 - least * probabilities.length;
  invariant(left >= 0, `${probabilities.length} arms cannot have ${least} each`);
  return probabilities.map((probability) => least + left * probability);
}

/** A number in [0, 1) with 53 random bits, from a text. */
export function toUniform(seed: string): number {
  return Number(createHash("sha256").update(seed).digest().readBigUInt64BE() >> 11n) / 2 ** 53;
}
