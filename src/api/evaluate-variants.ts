import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import { type Experiment, ExperimentState } from "../../gen/intervention/v1/experiment_pb.js";
import type {
  EvaluateVariantsRequest,
  OptimizationService,
} from "../../gen/intervention/v1/optimization_service_pb.js";
import { InvalidInput, NotAllowedNow, NotFound } from "../domain/errors.ts";
import { bestByGroup } from "../domain/experiment/best-by-group.ts";
import { toBucket } from "../domain/experiment/bucket.ts";
import { evaluateChoices, type Target } from "../domain/policy/evaluate-choices.ts";
import { collectChoices, type VariantChoice } from "../integrations/experiment-choices.ts";
import { findExperiment, type Store } from "../store/index.ts";
import { getService } from "./authenticate.ts";
import { parseExperimentName } from "./experiment-name.ts";
import { type Check, checked, parseFields, show } from "./field-checks.ts";
import { toEvaluation } from "./to-evaluation.ts";

const CONFIDENCE = 0.95;

/** Of intervals; 0 stands for the default. */
export const confidenceOrDefault: Check<number> = (value) =>
  value === 0 || (value >= 0.5 && value <= 0.999) ? undefined : `${value} is not in 0.5 to 0.999`;

const schema = z.object({
  policy: z
    .custom<EvaluateVariantsRequest["policy"]>()
    .refine(({ case: of }) => of !== undefined, "it is missing; one of always, best_by_group is needed"),
  confidence: checked(confidenceOrDefault),
});

/** Tells what another way to choose among variants would have earned. */
export function evaluateVariantsMethod({ store, now }: { readonly store: Store; readonly now: () => Date }) {
  const evaluate: ServiceImpl<typeof OptimizationService>["evaluateVariants"] = async (request, context) => {
    const { workspace } = getService(context.values);
    const { policy, confidence } = parseFields(schema, request);
    const experimentId = parseExperimentName(request.experiment, workspace.id, "experiment");
    const experiment = await findExperiment(store, { workspaceId: workspace.id, experimentId });
    if (experiment === undefined) throw new NotFound("experiment", experimentId);
    if (experiment.state === ExperimentState.DRAFT)
      throw new NotAllowedNow("EXPERIMENT_STATE", experimentId, "the experiment is a draft: nothing was drawn");
    if (policy.case === "always") requireTreated(experiment, policy.value);
    const { choices, isCut } = await collectChoices(store, { workspaceId: workspace.id, experiment }, now());
    const { evaluated, target } = toTask(experiment, policy, choices);
    const found = evaluateChoices(evaluated, target, 1 - (confidence || CONFIDENCE));
    return { evaluation: toEvaluation(found, { rounds: evaluated.length, isCut, what: "users" }) };
  };
  return evaluate;
}

function requireTreated({ variants }: Experiment, id: string): void {
  if (variants.some(({ holdout, variantId }) => variantId === id && !holdout)) return;
  const description = `${show(id)} is the id of no variant that anything is sent of`;
  throw new InvalidInput([{ field: "always", description }]);
}

/** What is evaluated on whom. */
function toTask(
  { salt }: Experiment,
  policy: EvaluateVariantsRequest["policy"],
  choices: readonly VariantChoice[],
): { readonly evaluated: readonly VariantChoice[]; readonly target: Target<string> } {
  if (policy.case === "always")
    return { evaluated: choices, target: ({ arms }) => arms.map((arm) => Number(arm === policy.value)) };
  const isSeen = ({ userId }: VariantChoice) => toBucket(`${salt}/evaluation`, userId) < 0.5;
  return { evaluated: choices.filter((one) => !isSeen(one)), target: bestByGroup(choices.filter(isSeen)) };
}
