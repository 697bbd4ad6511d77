import {
  type Experiment,
  type ExperimentGoal,
  ExperimentMethod_Correction,
  ExperimentMethod_Kind,
  ExperimentMethod_Spending,
  GoalKind,
} from "../../../gen/intervention/v1/experiment_pb.js";
import type { ExperimentPlan, Method, Metric } from "./experiment-plan.ts";

/** How far an experiment has come: the looks that were planned and reached, in users of all variants, the last of them that at which it
 *  is looked at; undefined where one may look whenever one likes. */
export type Looks = readonly number[] | undefined;

const ALPHA = 0.05;
const KINDS = {
  [GoalKind.UNSPECIFIED]: "mean",
  [GoalKind.BINARY]: "binary",
  [GoalKind.MEAN]: "mean",
  [GoalKind.REVENUE]: "revenue",
  [GoalKind.RATIO]: "ratio",
} as const satisfies Record<GoalKind, Metric["kind"]>;

const toMetric = ({ goalId, kind, lowerIsBetter }: ExperimentGoal): Metric => ({
  name: goalId,
  kind: KINDS[kind],
  better: lowerIsBetter ? "lower" : "higher",
});

/** The looks of an experiment that are planned, in users of all variants; undefined where one may look whenever one likes. */
export function listPlannedLooks({ method, plannedUsers }: Pick<Experiment, "method" | "plannedUsers">): Looks {
  const planned = Number(plannedUsers);
  if (method?.kind === ExperimentMethod_Kind.FIXED) return [planned];
  if (method?.kind !== ExperimentMethod_Kind.GROUP_SEQUENTIAL) return undefined;
  return method.looks.map((share) => Math.max(1, Math.round(share * planned)));
}

/** What an experiment asks, as it is analysed.
 *  @param reached the looks that were reached; see `listPlannedLooks`. */
export function toPlan(experiment: Experiment, reached: Looks): ExperimentPlan {
  const { control, goals, guardrails, method, variants } = experiment;
  return {
    arms: variants.map(({ variantId, weight }) => ({ name: variantId, weight })),
    control,
    goals: goals.map(toMetric),
    guardrails: guardrails.flatMap(({ goal, margin }) => (goal === undefined ? [] : { ...toMetric(goal), margin })),
    method: toMethod(experiment, reached),
    alpha: method?.alpha || ALPHA,
    correction: method?.correction === ExperimentMethod_Correction.BENJAMINI_HOCHBERG ? "benjamini_hochberg" : "holm",
    // What sending brings is told by itself: it says nothing of the variants.
    setAside: variants.filter(({ holdout, variantId }) => holdout && variantId !== control).map((one) => one.variantId),
    wait: toWait(experiment, reached),
  };
}

function toMethod({ method, plannedUsers }: Experiment, reached: Looks): Method {
  const planned = Number(plannedUsers);
  if (method?.kind === ExperimentMethod_Kind.FIXED) return { kind: "fixed", plannedUsers: planned };
  if (method?.kind === ExperimentMethod_Kind.GROUP_SEQUENTIAL)
    return {
      ...{ kind: "group_sequential", plannedUsers: planned, earlierLooks: reached?.slice(0, -1) ?? [] },
      spending: method.spending === ExperimentMethod_Spending.POCOCK ? "pocock" : "obrien_fleming",
    };
  return { kind: "always_valid", ...(planned > 0 ? { tuningParameter: planned } : {}) };
}

function toWait(experiment: Experiment, reached: Looks): string | undefined {
  if (reached === undefined || reached.length > 0) return undefined;
  const [first] = listPlannedLooks(experiment) ?? [];
  return `the first look is planned at ${first} users who are measured, and nothing is said before`;
}
