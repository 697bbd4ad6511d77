import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { z } from "zod";
import type { Experiment } from "../../gen/intervention/v1/experiment_pb.js";
import {
  type ExperimentEstimate,
  ExperimentEstimateSchema,
  type ExperimentResults,
  ExperimentResultsSchema,
  ExperimentVerdict_Kind,
  GuardrailFinding_State,
  type VariantComparison,
  VariantComparison_Claim,
  VariantComparisonSchema,
  VariantFiguresSchema,
} from "../../gen/intervention/v1/experiment_results_pb.js";
import type { Comparison, GuardrailResult } from "../domain/experiment/comparison.ts";
import type { ArmSums, MetricSums } from "../domain/experiment/experiment-plan.ts";
import type { Belief, Report } from "../domain/experiment/to-report.ts";
import type { Verdict } from "../domain/experiment/verdict.ts";
import type { ExperimentSums } from "../integrations/experiment-sums.ts";

const CLAIMS = {
  none: VariantComparison_Claim.NONE,
  better: VariantComparison_Claim.BETTER,
  worse: VariantComparison_Claim.WORSE,
} as const;
const GUARDRAIL_STATES: Readonly<Record<GuardrailResult["state"], GuardrailFinding_State>> = {
  holds: GuardrailFinding_State.HOLDS,
  harmed: GuardrailFinding_State.HARMED,
  open: GuardrailFinding_State.OPEN,
};
const VERDICTS: Readonly<Record<Verdict["kind"], ExperimentVerdict_Kind>> = {
  blocked: ExperimentVerdict_Kind.BLOCKED,
  harm: ExperimentVerdict_Kind.HARM,
  better: ExperimentVerdict_Kind.BETTER,
  promising: ExperimentVerdict_Kind.PROMISING,
  no_difference: ExperimentVerdict_Kind.NO_DIFFERENCE,
  not_enough_data: ExperimentVerdict_Kind.NOT_ENOUGH_DATA,
};

/** A report as the API says it. */
export function toResults(
  experiment: Experiment,
  { analysis, arms, beliefs, expected, holdout, strata }: Report,
  { assigned, crossedOver, reached = [], at }: ExperimentSums & { readonly at: Date },
): ExperimentResults {
  const { verdict, promotable, sampleRatioPValue } = analysis;
  // Where users are missing, no comparison may be read as a claim.
  const toSaid = (comparison: Comparison, belief?: Belief) => {
    const said = toComparison(comparison, belief);
    if (verdict.kind === "blocked") said.claim = VariantComparison_Claim.UNSPECIFIED;
    return said;
  };
  const expectedSum = expected.reduce((sum, users) => sum + users, 0);
  return create(ExperimentResultsSchema, {
    asOfTime: timestampFromDate(at),
    variants: experiment.variants.map(({ variantId }, index) => {
      const arm = arms.find(({ name }) => name === variantId);
      return create(VariantFiguresSchema, {
        ...{ variantId, expectedShare: (expected[index] ?? 0) / expectedSum },
        ...{ users: BigInt(assigned.get(variantId) ?? 0), measuredUsers: BigInt(arm?.users ?? 0) },
        values: arm === undefined ? {} : toValues(arm),
      });
    }),
    ...(sampleRatioPValue === null ? {} : { sampleRatioPValue }),
    comparisons: analysis.comparisons.map((comparison, index) => toSaid(comparison, beliefs[index])),
    guardrails: analysis.guardrails.map(({ arm, guardrail, state, lift }) => ({
      ...{ variantId: arm, goalId: guardrail.name, margin: guardrail.margin, state: GUARDRAIL_STATES[state] },
      ...(lift && { lift: toEstimate(lift) }),
    })),
    holdoutLifts: (holdout?.comparisons ?? []).map((comparison) => {
      const lift = toSaid({ ...comparison, arm: "" });
      return { comparison: lift, ...toIncremental(lift, holdout?.treatedUsers ?? 0) };
    }),
    strata: strata.map(({ stratum, users, comparisons }) => ({
      values: parseStratum(stratum),
      measuredUsers: BigInt(users),
      comparisons: comparisons.map((comparison) => toSaid(comparison)),
    })),
    verdict: { kind: VERDICTS[verdict.kind], sentences: [...verdict.sentences], promotable: [...promotable] },
    crossedOverUsers: BigInt(crossedOver),
    looksReached: reached.map((users) => BigInt(users)),
  });
}

/** As it was recorded: a JSON list. */
const parseStratum = (stratum: string) =>
  z
    .array(z.json())
    .parse(JSON.parse(stratum))
    .map((value) => JSON.stringify(value));

function toValues({ users, metrics }: ArmSums): Record<string, number> {
  const meanOf = ({ sum, denominator }: MetricSums) => sum / (denominator?.sum ?? users);
  return Object.fromEntries(
    Object.entries(metrics)
      .map(([name, sums]) => [name, meanOf(sums)] as const)
      .filter(([, value]) => Number.isFinite(value)),
  );
}

function toComparison({ arm, metric, result }: Comparison, belief?: Belief): VariantComparison {
  const which = { variantId: arm, goalId: metric.name };
  if (result.kind === "not_enough_data")
    return create(VariantComparisonSchema, { ...which, notEnoughData: result.reason });
  const { adjustedPValue, claim, difference, lift, meanArm, meanControl, pValue } = result;
  return create(VariantComparisonSchema, {
    ...which,
    ...{ controlValue: meanControl, variantValue: meanArm, pValue, claim: CLAIMS[claim] },
    difference: toEstimate({ ...result, point: difference }),
    ...(lift && { lift: toEstimate(lift) }),
    ...(adjustedPValue === null ? {} : { adjustedPValue }),
    ...belief,
  });
}

function toEstimate({
  point,
  ciLow,
  ciHigh,
}: {
  readonly point: number;
  readonly ciLow: number;
  readonly ciHigh: number;
}): ExperimentEstimate {
  return create(ExperimentEstimateSchema, { point, low: ciLow, high: ciHigh });
}

/** What a difference a user comes to over all of them. */
function toIncremental({ difference }: VariantComparison, users: number) {
  if (difference === undefined) return {};
  const { point, low, high } = difference;
  return {
    incremental: create(ExperimentEstimateSchema, { point: point * users, low: low * users, high: high * users }),
  };
}
