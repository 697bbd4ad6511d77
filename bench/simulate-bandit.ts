import { type ArmEvidence, NO_EVIDENCE, observe, toPosterior } from "../src/domain/policy/arm-evidence.ts";
import { chooseArm } from "../src/domain/policy/choose-arm.ts";
import { thompsonAllocation } from "../src/domain/statistics/thompson-allocation.ts";
import { seededRandom } from "./random.ts";

export type Simulation = {
  /** True rate of success of each arm as of a round. */
  readonly ratesAt: (round: number) => readonly number[];
  readonly rounds: number;
  /** Outcomes are learned from this many rounds at a time. */
  readonly batch: number;
  /** In rounds: after so many an outcome counts half. */
  readonly halfLife: number;
  readonly seed: number;
};

export type SimulationResult = {
  /** After each batch: rounds so far, and the successes lost by then against always taking the best arm, in expectation. */
  readonly regret: readonly { readonly rounds: number; readonly lost: number }[];
  /** Which arm was taken in each round. */
  readonly taken: readonly number[];
};

const prior = { alpha: 1, beta: 1 };

/** Lets Thompson sampling learn arms whose rates are known to us and not to it. A round is its unit of time. */
export function simulateBandit({ ratesAt, rounds, batch, halfLife, seed }: Simulation): SimulationResult {
  const random = seededRandom(seed);
  let evidence: ArmEvidence[] = ratesAt(0).map(() => NO_EVIDENCE);
  const regret: { rounds: number; lost: number }[] = [];
  const taken: number[] = [];
  let lost = 0;
  for (let start = 0; start < rounds; start += batch) {
    const allocation = thompsonAllocation(
      evidence.map((one) => toPosterior(one, prior, { now: start, halfLifeMs: halfLife })),
    );
    for (let round = start; round < Math.min(start + batch, rounds); round++) {
      const rates = ratesAt(round);
      const { arm } = chooseArm(allocation, `${seed}/${round}`);
      const reward = random() < (rates[arm] ?? 0) ? 1 : 0;
      evidence = evidence.map((one, i) => (i === arm ? observe(one, { reward, at: round }, halfLife) : one));
      taken.push(arm);
      lost += Math.max(...rates) - (rates[arm] ?? 0);
    }
    regret.push({ rounds: taken.length, lost });
  }
  return { regret, taken };
}
