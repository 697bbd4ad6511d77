import normalQuantile from "@stdlib/stats-base-dists-normal-quantile";
import { InvalidInput } from "../errors.ts";

/** One logged decision, and what another policy would have done at it. */
export type LoggedRound = {
  /** Index of the action taken. */
  readonly action: number;
  readonly reward: number;
  /** With which probability the logging policy took that action, in (0, 1]. */
  readonly propensity: number;
  /** With which probability the policy in question takes each action; they sum to 1. */
  readonly target: readonly number[];
  /** What a model expects of each action. */
  readonly rewardModel: readonly number[];
};

/** A mean reward a round, in the reward's unit, with a normal interval. */
export type Estimate = {
  readonly value: number;
  readonly standardError: number;
  readonly low: number;
  readonly high: number;
};

export type OffPolicyEvaluation = {
  /** Inverse propensity score: unbiased when the propensities are right; wide when the policies differ much. */
  readonly ips: Estimate;
  /** Self-normalised: the weights are made to sum to their number. A little bias for much less variance. */
  readonly snips: Estimate;
  /** Direct method: as good as the model of rewards, whatever was logged. */
  readonly dm: Estimate;
  /** Doubly robust: right when either the propensities or the model are. */
  readonly dr: Estimate;
};

/** What another policy would have earned, from decisions that were logged with their propensities. Weights are not clipped: a bound on
 *  them belongs into the logging policy, as a least propensity.
 *  Source: Dudík, Erhan, Langford and Li, "Doubly Robust Policy Evaluation and Optimization", Statistical Science 29 (2014), 485-511;
 *  Swaminathan and Joachims, "The Self-Normalized Estimator for Counterfactual Learning" (2015).
 *  @param rounds two at least. @param alpha one minus the intervals' confidence, in (0, 1).
 *  @throws InvalidInput when the policy in question never takes an action that was logged: nothing tells of it then. */
export function evaluateOffPolicy(rounds: readonly LoggedRound[], alpha: number): OffPolicyEvaluation {
  const z = -normalQuantile(alpha / 2, 0, 1);
  const weights = rounds.map(({ action, propensity, target }) => (target[action] ?? 0) / propensity);
  const weightSum = sum(weights);
  if (!(weightSum > 0)) {
    throw new InvalidInput([{ field: "target", description: "gives every action that was logged the probability 0" }]);
  }
  const weighted = rounds.map(({ reward }, i) => (weights[i] ?? 0) * reward);
  const modelled = rounds.map(({ target, rewardModel }) => sum(target.map((p, k) => p * (rewardModel[k] ?? 0))));
  const corrected = rounds.map(
    ({ action, reward, rewardModel }, i) =>
      (modelled[i] ?? 0) + (weights[i] ?? 0) * (reward - (rewardModel[action] ?? 0)),
  );
  const snips = sum(weighted) / weightSum;
  const squares = rounds.map(({ reward }, i) => ((weights[i] ?? 0) * (reward - snips)) ** 2);
  return {
    ips: ofMean(weighted, z),
    snips: toEstimate(snips, Math.sqrt(sum(squares)) / weightSum, z),
    dm: ofMean(modelled, z),
    dr: ofMean(corrected, z),
  };
}

function ofMean(values: readonly number[], z: number): Estimate {
  const mean = sum(values) / values.length;
  const variance = sum(values.map((value) => (value - mean) ** 2)) / (values.length - 1);
  return toEstimate(mean, Math.sqrt(variance / values.length), z);
}

function toEstimate(value: number, standardError: number, z: number): Estimate {
  return { value, standardError, low: value - z * standardError, high: value + z * standardError };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
