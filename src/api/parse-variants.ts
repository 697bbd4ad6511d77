import { create } from "@bufbuild/protobuf";
import {
  type Experiment,
  type ExperimentVariant,
  ExperimentVariantSchema,
  type Treatment,
  TreatmentSchema,
} from "../../gen/intervention/v1/experiment_pb.js";
import { TriggerRequestSchema } from "../../gen/intervention/v1/intervention_service_pb.js";
import { type FieldViolation, InvalidInput } from "../domain/errors.ts";
import { gatherViolations, show } from "./field-checks.ts";
import { partId } from "./goal-checks.ts";
import { parseTrigger } from "./parse-trigger.ts";

const VARIANTS = { min: 2, max: 10 };
const WEIGHT_MAX = 1_000_000;

/** The variants of an experiment, and which is the control.
 *  @throws InvalidInput naming every bad field. */
export function parseVariants(
  experiment: Pick<Experiment, "variants" | "control" | "allCampaigns">,
): Pick<Experiment, "variants" | "control"> {
  const { variants, control, allCampaigns } = experiment;
  const { attempt, violations } = gatherViolations();
  if (variants.length < VARIANTS.min || variants.length > VARIANTS.max)
    violations.push({
      field: "variants",
      description: `there are ${variants.length}; ${VARIANTS.min} to ${VARIANTS.max} are needed`,
    });
  if (variants.filter(({ holdout }) => holdout).length > 1)
    violations.push({ field: "variants", description: "more than one is a holdout" });
  if (allCampaigns) violations.push(...findHoldoutProblems(variants));
  const ids = variants.map(({ variantId }) => variantId);
  if (control !== "" && !ids.includes(control))
    violations.push({ field: "control", description: `${show(control)} is the id of no variant` });
  const treated = variants.filter(({ holdout }) => !holdout);
  const usual = (treated.length > 1 ? treated[0] : variants.find(({ holdout }) => holdout)) ?? treated[0];
  if (treated.length === 1 && control === treated[0]?.variantId)
    violations.push({ field: "control", description: `with ${show(control)} only a holdout could be compared` });
  const parsed = variants.map((variant, index) => attempt(() => parseVariant(variant, { index, ids })));
  if (violations.length > 0) throw new InvalidInput(violations);
  return { variants: parsed.filter((variant) => variant !== undefined), control: control || (usual?.variantId ?? "") };
}

/** What splits all campaigns can't know what they say. */
function findHoldoutProblems(variants: readonly ExperimentVariant[]): FieldViolation[] {
  const isRight =
    variants.length === VARIANTS.min &&
    variants.some(({ holdout }) => holdout) &&
    variants.every(({ treatment }) => treatment === undefined);
  if (isRight) return [];
  const description = "what splits all campaigns has two variants, without a treatment, one of them a holdout";
  return [{ field: "variants", description }];
}

function parseVariant(
  { variantId, weight, holdout, treatment }: ExperimentVariant,
  { index, ids }: { readonly index: number; readonly ids: readonly string[] },
): ExperimentVariant {
  const path = `variants[${index}]`;
  const { attempt, violations } = gatherViolations();
  const refuse = (field: string, description: string) => violations.push({ field: `${path}.${field}`, description });
  const problem = partId(variantId);
  if (problem !== undefined) refuse("variant_id", problem);
  else if (ids.indexOf(variantId) < index)
    refuse("variant_id", `${show(variantId)} is the id of another variant already`);
  if (!(weight > 0 && weight <= WEIGHT_MAX)) refuse("weight", `${weight} is not above 0 and up to ${WEIGHT_MAX}`);
  if (holdout && treatment !== undefined) refuse("treatment", "a holdout gets nothing, and so has none");
  const parsed = treatment === undefined ? undefined : attempt(() => parseTreatment(treatment, `${path}.treatment`));
  if (violations.length > 0) throw new InvalidInput(violations);
  return create(ExperimentVariantSchema, { variantId, weight, holdout, ...(parsed && { treatment: parsed }) });
}

/** What a variant says obeys the same rules as in a Trigger call. */
function parseTreatment({ content, template, channels }: Treatment, path: string): Treatment {
  const isSaid = content !== undefined || template !== undefined;
  if (!isSaid && channels.length === 0)
    throw new InvalidInput([
      { field: path, description: "it changes nothing; one of content, template, channels is needed" },
    ]);
  const request = create(TriggerRequestSchema, {
    recipient: { userId: "anybody" },
    policy: { channels },
    ...(isSaid ? { ...(content && { content }), ...(template && { template }) } : { content: { title: "anything" } }),
  });
  const { attempt, violations } = gatherViolations();
  const parsed = attempt(() => parseTrigger(request, { workspaceId: "", newKey: () => "key" }));
  if (parsed === undefined)
    throw new InvalidInput(
      violations.map(({ field, description }) => ({ field: `${path}.${field.replace(/^policy\./, "")}`, description })),
    );
  return create(TreatmentSchema, {
    ...(content === undefined ? {} : { content: parsed.content }),
    ...(parsed.template === undefined ? {} : { template: parsed.template }),
    // Those of the policy have a default; a treatment without channels leaves the campaign's.
    channels: channels.length === 0 ? [] : parsed.policy.channels,
  });
}
