import { evaluateOffPolicy, type LoggedRound, type OffPolicyEvaluation } from "./off-policy-evaluation.ts";

/** One choice that was drawn: of `arms`, which are those that reached the user, in the policy's order. */
export type LoggedChoice<Arm> = {
  readonly segment: string;
  readonly arms: readonly Arm[];
  /** With which each was drawn; they sum to 1. */
  readonly probabilities: readonly number[];
  /** Index of the one that was drawn. */
  readonly action: number;
  readonly reward: number;
};

/** With which probability another policy takes each arm of a choice; they sum to 1. */
export type Target<Arm> = (choice: LoggedChoice<Arm>) => readonly number[];

export type ChoicesEvaluation = {
  /** Undefined when fewer than two choices were logged, or none that the policy in question might have made. */
  readonly estimates: OffPolicyEvaluation | undefined;
  readonly loggedMean: number;
  readonly effectiveSampleSize: number;
  readonly warnings: readonly string[];
};

const ROUNDS_MIN = 100;
const EFFECTIVE_SHARE_MIN = 0.1;
const WEIGHT_MAX = 50;

/** What another policy would have earned at the choices that were drawn. The model of rewards is the mean reward of each segment and
 *  arm in the same log, drawn towards the mean of all by one observation.
 *  @param alpha one minus the intervals' confidence. */
export function evaluateChoices<Arm extends string | number>(
  choices: readonly LoggedChoice<Arm>[],
  target: Target<Arm>,
  alpha: number,
): ChoicesEvaluation {
  const loggedMean = choices.length === 0 ? 0 : sum(choices.map(({ reward }) => reward)) / choices.length;
  const modelOf = toModel(choices, loggedMean);
  const rounds = choices.map((choice): LoggedRound => {
    const { action, reward, probabilities } = choice;
    const propensity = probabilities[action] ?? 1;
    return { action, reward, propensity, target: target(choice), rewardModel: modelOf(choice) };
  });
  const weights = rounds.map(({ action, propensity, target: row }) => (row[action] ?? 0) / propensity);
  const total = sum(weights);
  const effectiveSampleSize = total === 0 ? 0 : total ** 2 / sum(weights.map((weight) => weight ** 2));
  const estimates = choices.length < 2 || total === 0 ? undefined : evaluateOffPolicy(rounds, alpha);
  const unseen = choices.filter((choice, index) => isUnseen(choice, rounds[index]?.target ?? [])).length;
  return {
    ...{ estimates, loggedMean, effectiveSampleSize },
    warnings: toWarnings({ rounds: choices.length, unseen, weights, effectiveSampleSize }),
  };
}

/** Whether the policy in question might have taken what the one that was followed never takes. */
const isUnseen = ({ probabilities }: LoggedChoice<unknown>, target: readonly number[]) =>
  target.some((probability, arm) => probability > 0 && !((probabilities[arm] ?? 0) > 0));

function toModel<Arm>(choices: readonly LoggedChoice<Arm>[], mean: number) {
  const known = new Map<string, { rewards: number; rounds: number }>();
  const toKey = (segment: string, arm: Arm | undefined) => `${segment}/${arm}`;
  for (const { segment, arms, action, reward } of choices) {
    const key = toKey(segment, arms[action]);
    const { rewards, rounds } = known.get(key) ?? { rewards: mean, rounds: 1 };
    known.set(key, { rewards: rewards + reward, rounds: rounds + 1 });
  }
  return ({ segment, arms }: LoggedChoice<Arm>) =>
    arms.map((arm) => {
      const one = known.get(toKey(segment, arm));
      return one === undefined ? mean : one.rewards / one.rounds;
    });
}

function toWarnings(found: {
  readonly rounds: number;
  readonly unseen: number;
  readonly weights: readonly number[];
  readonly effectiveSampleSize: number;
}): string[] {
  const { rounds, unseen, weights, effectiveSampleSize } = found;
  const largest = weights.reduce((most, weight) => Math.max(most, weight), 0);
  const warnings: string[] = [];
  if (rounds < ROUNDS_MIN)
    warnings.push(`only ${rounds} decisions: intervals by the normal distribution are too narrow`);
  if (rounds > 0 && effectiveSampleSize < EFFECTIVE_SHARE_MIN * rounds)
    warnings.push(
      `the policies differ much: ${rounds} decisions tell as much as ${Math.round(effectiveSampleSize)} of its own would`,
    );
  if (largest > WEIGHT_MAX) warnings.push(`one decision weighs ${Math.round(largest)} times as much as one of its own`);
  if (unseen > 0)
    warnings.push(
      `at ${unseen} of ${rounds} decisions it might take a channel that was never drawn: nothing is known of those, and only dm says anything`,
    );
  return warnings;
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
