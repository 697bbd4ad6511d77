import { type Experiment, ExperimentMethod_Kind } from "../../../gen/intervention/v1/experiment_pb.js";
import { type Analysis, analyse } from "./analyse.ts";
import { betaBinomialBayes } from "./beta-binomial-bayes.ts";
import type { Comparison } from "./comparison.ts";
import { currentShares, parseStratum } from "./current-shares.ts";
import type { ArmSums, ExperimentPlan } from "./experiment-plan.ts";
import { gaussianEffectBayes } from "./gaussian-effect-bayes.ts";
import { poolAllocations } from "./pool-allocations.ts";
import { type Looks, toPlan } from "./to-plan.ts";
import { addArms } from "./user-sums.ts";

/** Users of one arm and one stratum, added up. */
export type Group = { readonly arm: string; readonly stratum: string; readonly sums: ArmSums };

/** What is believed of an arm by Bayes' rule, from a flat prior. */
export type Belief = {
  /** That the arm is better than the control, by the goal's own direction. */
  readonly chanceToWin: number;
  /** What choosing the arm costs on average if that is wrong, in the metric's unit. */
  readonly expectedLoss: number;
};

export type Report = {
  /** In the order of the variants; where shares changed, as `poolAllocations` has them. */
  readonly arms: readonly ArmSums[];
  /** As they were counted. */
  readonly counted: readonly ArmSums[];
  /** The same of each group that learns for itself, the largest first. */
  readonly contexts: readonly { readonly context: string; readonly arms: readonly ArmSums[] }[];
  /** How many should have come into each, in relation to one another. */
  readonly expected: readonly number[];
  readonly analysis: Analysis;
  /** One a comparison of the analysis; undefined where there is none. */
  readonly beliefs: readonly (Belief | undefined)[];
  /** Everybody who was treated against those held out; undefined without a holdout. */
  readonly holdout: { readonly treatedUsers: number; readonly comparisons: readonly Comparison[] } | undefined;
  /** The largest, by the first goal alone. */
  readonly strata: readonly {
    readonly stratum: string;
    readonly users: number;
    readonly comparisons: readonly Comparison[];
  }[];
};

/** Each gets its share of alpha, so that more of them would show less. */
const STRATA_MAX = 20;
const TREATED = "treated";

/** What an experiment shows.
 *  @param of.assigned all who came in, by arm. @param of.entrants the same by stratum. @param of.reached the looks that were reached; see
 *  `listPlannedLooks`. */
export function toReport(
  experiment: Experiment,
  of: {
    readonly groups: readonly Group[];
    readonly assigned: ReadonlyMap<string, number>;
    readonly entrants: ReadonlyMap<string, number>;
    readonly reached: Looks;
  },
): Report {
  const planned = toPlan(experiment, of.reached);
  const counted = toArms(planned, of.groups, of.assigned);
  const isAdapted = experiment.allocations.length > 0;
  const plan = isAdapted ? { ...planned, arms: expectArms(experiment, of.entrants) } : planned;
  const arms = isAdapted ? poolArms(planned, of.groups, of.assigned) : counted;
  const analysis = analyse(plan, arms);
  return {
    ...{ arms, counted, analysis },
    contexts: experiment.adaptive === undefined ? [] : toContexts(planned, of.groups),
    expected: plan.arms.map(({ weight }) => weight),
    beliefs: toBeliefs(experiment, arms, analysis),
    holdout: toHoldout(experiment, plan, arms),
    strata: experiment.adaptive === undefined ? toStrata(plan, of.groups) : [],
  };
}

function toContexts(plan: ExperimentPlan, groups: readonly Group[]): Report["contexts"] {
  const usersOf = (arms: readonly ArmSums[]) => arms.reduce((sum, { users }) => sum + users, 0);
  return [...Map.groupBy(groups, ({ stratum }) => parseStratum(stratum).context)]
    .filter(([context]) => context !== "")
    .map(([context, some]) => ({ context, arms: toArms(plan, some) }))
    .sort((a, b) => usersOf(b.arms) - usersOf(a.arms));
}

/** How many should have come into each arm, by the allocations that users came in under. */
function expectArms(experiment: Experiment, entrants: ReadonlyMap<string, number>): ExperimentPlan["arms"] {
  const { allocations, variants } = experiment;
  const expected = variants.map(() => 0);
  for (const [stratum, users] of entrants) {
    const { allocation, context } = parseStratum(stratum);
    const shares = currentShares({ variants, allocations: allocations.slice(0, allocation) }, context);
    for (const [i, share] of shares.entries()) expected[i] = (expected[i] ?? 0) + users * share;
  }
  return variants.map(({ variantId, weight }, i) => ({ name: variantId, weight: expected[i] || weight }));
}

function poolArms(plan: ExperimentPlan, groups: readonly Group[], assigned: ReadonlyMap<string, number>): ArmSums[] {
  const names = plan.arms.map(({ name }) => name);
  const filled = [...Map.groupBy(groups, ({ stratum }) => stratum)].flatMap(([stratum, some]) =>
    toArms(plan, some).map((sums) => ({ arm: sums.name, ...parseStratum(stratum), sums })),
  );
  if (filled.length === 0) return toArms(plan, groups, assigned);
  return poolAllocations(filled, names).map((arm) => ({ ...arm, assigned: assigned.get(arm.name) ?? 0 }));
}

function toArms(plan: ExperimentPlan, groups: readonly Group[], assigned?: ReadonlyMap<string, number>): ArmSums[] {
  const nothing = Object.fromEntries(
    [...plan.goals, ...plan.guardrails].map(({ name }) => [name, { sum: 0, sumSquares: 0 }] as const),
  );
  return plan.arms.map(({ name }) => {
    const parts = groups.filter(({ arm }) => arm === name).map(({ sums }) => sums);
    const { users, metrics } = addArms(parts, name);
    return { name, users, metrics: { ...nothing, ...metrics }, ...(assigned && { assigned: assigned.get(name) ?? 0 }) };
  });
}

function toBeliefs(experiment: Experiment, arms: readonly ArmSums[], { comparisons }: Analysis) {
  if (experiment.method?.kind !== ExperimentMethod_Kind.BAYESIAN) return comparisons.map(() => undefined);
  const control = arms.find(({ name }) => name === experiment.control);
  return comparisons.map((comparison): Belief | undefined => {
    const arm = arms.find(({ name }) => name === comparison.arm);
    if (comparison.result.kind !== "compared" || arm === undefined || control === undefined) return undefined;
    return believe(comparison, control, arm);
  });
}

function believe({ metric }: Comparison, control: ArmSums, arm: ArmSums): Belief | undefined {
  const [a, b] = [control.metrics[metric.name], arm.metrics[metric.name]];
  // Of a ratio there is no distribution of a user to begin with.
  if (a === undefined || b === undefined || metric.kind === "ratio") return undefined;
  const isHigherBetter = metric.better === "higher";
  if (metric.kind === "binary") {
    const counts = { xA: a.sum, nA: control.users, xB: b.sum, nB: arm.users };
    const { chanceToWin, expectedLossA, expectedLossB } = betaBinomialBayes({
      ...counts,
      ...{ priorAlpha: 1, priorBeta: 1 },
    });
    return isHigherBetter
      ? { chanceToWin, expectedLoss: expectedLossB }
      : { chanceToWin: 1 - chanceToWin, expectedLoss: expectedLossA };
  }
  const sides = {
    a: { n: control.users, sum: a.sum, sumSquares: a.sumSquares ?? 0 },
    b: { n: arm.users, sum: b.sum, sumSquares: b.sumSquares ?? 0 },
  };
  const prior = { mean: 0, variance: 1, proper: false };
  const found = gaussianEffectBayes({ ...sides, alpha: 0.05, differenceType: "absolute", prior });
  return isHigherBetter
    ? { chanceToWin: found.chanceToWin, expectedLoss: found.riskB }
    : { chanceToWin: 1 - found.chanceToWin, expectedLoss: found.riskA };
}

function toHoldout({ variants }: Experiment, plan: ExperimentPlan, arms: readonly ArmSums[]): Report["holdout"] {
  const held = variants.find(({ holdout }) => holdout)?.variantId;
  const holdout = arms.find(({ name }) => name === held);
  if (held === undefined || holdout === undefined) return undefined;
  const treated = addArms(
    arms.filter(({ name }) => name !== held),
    TREATED,
  );
  const weightOf = (isHeld: boolean) =>
    plan.arms.reduce((sum, { name, weight }) => sum + ((name === held) === isHeld ? weight : 0), 0);
  const { comparisons } = analyse(
    {
      ...plan,
      ...{ control: held, setAside: [], guardrails: [] },
      arms: [
        { name: held, weight: weightOf(true) },
        { name: TREATED, weight: weightOf(false) },
      ],
    },
    [holdout, treated],
  );
  return { treatedUsers: treated.users, comparisons };
}

function toStrata(plan: ExperimentPlan, groups: readonly Group[]): Report["strata"] {
  const byStratum = Map.groupBy(groups, ({ stratum }) => stratum);
  if (byStratum.size < 2) return [];
  const usersOf = (some: readonly Group[]) => some.reduce((sum, { sums }) => sum + sums.users, 0);
  const largest = [...byStratum]
    .map(([stratum, some]) => ({ stratum, some, users: usersOf(some) }))
    .sort((a, b) => b.users - a.users || (a.stratum < b.stratum ? -1 : 1))
    .slice(0, STRATA_MAX);
  const total = usersOf(groups);
  return largest.map(({ stratum, some, users }) => {
    const within = {
      ...plan,
      ...{ goals: plan.goals.slice(0, 1), guardrails: [], alpha: plan.alpha / largest.length },
      method: scale(plan.method, users / total),
    };
    const { comparisons } = analyse(within, toArms(within, some));
    return { stratum, users, comparisons };
  });
}

/** A stratum is planned to have its share of the users, so that its looks are those of the whole. */
function scale(method: ExperimentPlan["method"], share: number): ExperimentPlan["method"] {
  if (method.kind === "always_valid") return method;
  const plannedUsers = method.plannedUsers * share;
  if (method.kind === "fixed") return { ...method, plannedUsers };
  return { ...method, plannedUsers, earlierLooks: method.earlierLooks.map((users) => users * share) };
}
