import { type Experiment, ExperimentMethod_Kind, GoalKind } from "../../gen/intervention/v1/experiment_pb.js";
import type { FieldViolation } from "../domain/errors.ts";
import { EXPLORATION } from "../domain/experiment/decide-allocation.ts";

const PLANNED: readonly ExperimentMethod_Kind[] = [ExperimentMethod_Kind.FIXED, ExperimentMethod_Kind.GROUP_SEQUENTIAL];

/** Why an experiment's shares can't change while it runs: what it asks could not be answered any more. */
export function findUnadaptable(experiment: Experiment): FieldViolation[] {
  const { adaptive, allCampaigns, goals, guardrails, method, variants } = experiment;
  if (adaptive === undefined) return [];
  const all = [...goals, ...guardrails.flatMap(({ goal }) => goal ?? [])];
  const treated = variants.filter(({ holdout }) => !holdout).length;
  const reasons = [
    ...(allCampaigns ? ["what splits all campaigns has nothing to learn"] : []),
    ...(treated < 2 ? ["there is only one variant beside a holdout"] : []),
    ...(treated * (adaptive.exploration || EXPLORATION) > 1 ? ["its exploration is more than all variants have"] : []),
    ...(goals[0]?.kind === GoalKind.BINARY ? [] : ["the first goal is not binary"]),
    ...(all.some(({ kind }) => kind === GoalKind.RATIO) ? ["a goal is a ratio"] : []),
    ...(all.some(({ before }) => before !== undefined) ? ["a goal looks at what was before"] : []),
    ...(PLANNED.includes(method?.kind ?? 0) ? ["the method plans its looks"] : []),
  ];
  return reasons.length === 0 ? [] : [{ field: "adaptive", description: `${reasons.join("; ")}: shares have to stay` }];
}
