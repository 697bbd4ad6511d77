import { create } from "@bufbuild/protobuf";
import type { Duration } from "@bufbuild/protobuf/wkt";
import { z } from "zod";
import {
  AdaptiveAllocationSchema,
  AutoPromotionSchema,
  type Experiment,
  ExperimentGuardrailSchema,
  ExperimentLayerSchema,
  ExperimentMethod_Correction,
  ExperimentMethod_CorrectionSchema,
  ExperimentMethod_Kind,
  ExperimentMethod_KindSchema,
  ExperimentMethod_Spending,
  ExperimentMethod_SpendingSchema,
  ExperimentMethodSchema,
  ExperimentSchema,
} from "../../gen/intervention/v1/experiment_pb.js";
import { InvalidInput } from "../domain/errors.ts";
import type { ExperimentFields } from "../integrations/experiment-keeper.ts";
import { isCampaignId } from "./campaign-name.ts";
import {
  type Check,
  checked,
  durationBetween,
  gatherViolations,
  memberOf,
  parseFields,
  show,
  text,
  withoutControlCharacters,
} from "./field-checks.ts";
import { findUnadaptable } from "./find-unadaptable.ts";
import { goalSchema, partId, toGoal } from "./goal-checks.ts";
import { parseVariants } from "./parse-variants.ts";

const CAMPAIGNS_MAX = 20;
const STRATA_MAX = 3;
const GOALS_MAX = 10;
const LOOKS = { min: 2, max: 20 };
const PLANNED_MAX = 1_000_000_000n;
export const ALPHA_DEFAULT = 0.05;

const HOUR_S = 3_600;
const userCount: Check<bigint> = (users) =>
  users >= 0n && users <= PLANNED_MAX ? undefined : `${users} is not in 0 to ${PLANNED_MAX}`;
const share: Check<number> = (value) => (value >= 0 && value <= 1 ? undefined : `${value} is not in 0 to 1`);
const isBetween = (value: number, [low, high]: readonly [number, number]) => value >= low && value <= high;
/** Of claims: default where it is 0. */
export const alphaOrDefault: Check<number> = (value) =>
  value === 0 || isBetween(value, [0.001, 0.2]) ? undefined : `${value} is not in 0.001 to 0.2`;

/** A list in which nothing is twice. */
const onceEach = (of: ReturnType<typeof checked<string>>, max: number) =>
  checked<string[]>((given) => (given.length > max ? `there are ${given.length}; up to ${max} are allowed` : undefined))
    .pipe(z.array(of))
    .superRefine((given, context) => {
      for (const [index, one] of given.entries())
        if (given.indexOf(one) < index)
          context.addIssue({ code: "custom", path: [index], message: `${show(one)} is named twice` });
    });

const campaignId: Check<string> = (id) =>
  isCampaignId(id) ? undefined : `${show(id)} is not the id of a campaign, such as "spring"`;
const attribute: Check<string> = (name) =>
  /^[A-Za-z_]\w{0,63}$/.test(name) ? undefined : `${show(name)} is not the name of an attribute, such as "plan"`;

const methodSchema = z
  .object({
    kind: checked<ExperimentMethod_Kind>(memberOf(ExperimentMethod_KindSchema, { allowUnspecified: true })),
    alpha: checked(alphaOrDefault),
    correction: checked<ExperimentMethod_Correction>(
      memberOf(ExperimentMethod_CorrectionSchema, { allowUnspecified: true }),
    ),
    spending: checked<ExperimentMethod_Spending>(memberOf(ExperimentMethod_SpendingSchema, { allowUnspecified: true })),
    looks: z.array(z.number()),
  })
  .superRefine(({ kind, looks, spending }, context) => {
    const isSequential = kind === ExperimentMethod_Kind.GROUP_SEQUENTIAL;
    const refuse = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
    if (!isSequential && looks.length > 0) refuse("looks", "they are for group-sequential alone");
    if (!isSequential && spending !== 0) refuse("spending", "it is for group-sequential alone");
    if (isSequential && !isRising(looks))
      refuse("looks", `they are not ${LOOKS.min} to ${LOOKS.max} rising shares above 0, the last of them 1`);
  });

const isRising = (looks: readonly number[]) =>
  looks.length >= LOOKS.min &&
  looks.length <= LOOKS.max &&
  looks.every((look, i) => look > (looks[i - 1] ?? 0)) &&
  looks.at(-1) === 1;

export const campaignsSchema = onceEach(checked(campaignId), CAMPAIGNS_MAX);

const experimentSchema = z.object({
  displayName: checked(text({ min: 1, max: 200 }), withoutControlCharacters),
  campaigns: campaignsSchema,
  allCampaigns: z.boolean(),
  salt: checked(text({ max: 64 }), withoutControlCharacters),
  traffic: checked(share).optional(),
  layer: z
    .object({ layer: checked(partId), from: checked(share), until: checked(share) })
    .refine(({ from, until }) => until > from, { path: ["until"], error: "it is not above from" })
    .optional(),
  stratifyBy: onceEach(checked(attribute), STRATA_MAX),
  goals: checked<unknown[]>((goals) =>
    goals.length === 0 || goals.length > GOALS_MAX
      ? `there are ${goals.length}; 1 to ${GOALS_MAX} are needed`
      : undefined,
  ).pipe(z.array(goalSchema)),
  guardrails: checked<unknown[]>((guardrails) =>
    guardrails.length > GOALS_MAX ? `there are ${guardrails.length}; up to ${GOALS_MAX} are allowed` : undefined,
  ).pipe(
    z.array(
      z.object({
        goal: z.custom((value) => value !== undefined, { error: "it is missing" }).pipe(goalSchema),
        margin: checked<number>((margin) =>
          margin > 0 && margin < 1 ? undefined : `${margin} is not between 0 and 1`,
        ),
      }),
    ),
  ),
  method: methodSchema.optional(),
  plannedUsers: checked(userCount),
  adaptive: z
    .object({
      exploration: checked<number>((least) =>
        least === 0 || isBetween(least, [0.01, 0.2]) ? undefined : `${least} is not in 0.01 to 0.2`,
      ),
    })
    .optional(),
  autoPromotion: z
    .object({
      usersMin: checked(userCount),
      after: checked<Duration>(
        durationBetween({ minS: HOUR_S, maxS: 366 * 24 * HOUR_S, allowed: "1 h to 366 days" }),
      ).optional(),
      pauseOnHarm: z.boolean(),
    })
    .optional(),
});

/** Makes what a caller sets of an experiment safe to rely on, with every default filled in but for the salt.
 *  @throws InvalidInput naming every bad field, below `experiment`. */
export function parseExperiment(experiment: Experiment): ExperimentFields {
  const { attempt, violations } = gatherViolations();
  const fields = attempt(() => parseFields(experimentSchema, experiment));
  const variants = attempt(() => parseVariants(experiment));
  violations.push(...findContradictions(experiment), ...findUnadaptable(experiment));
  if (fields === undefined || variants === undefined || violations.length > 0)
    throw new InvalidInput(violations.map(({ field, description }) => ({ field: `experiment.${field}`, description })));
  const { adaptive, autoPromotion, layer, method, goals, guardrails, traffic = 1, ...rest } = fields;
  return create(ExperimentSchema, {
    ...rest,
    ...variants,
    traffic,
    ...(layer && { layer: create(ExperimentLayerSchema, layer) }),
    ...(adaptive && { adaptive: create(AdaptiveAllocationSchema, adaptive) }),
    ...(autoPromotion && { autoPromotion: toAutoPromotion(autoPromotion) }),
    goals: goals.map(toGoal),
    guardrails: guardrails.map(({ goal, margin }) => create(ExperimentGuardrailSchema, { goal: toGoal(goal), margin })),
    method: create(ExperimentMethodSchema, {
      kind: method?.kind || ExperimentMethod_Kind.ALWAYS_VALID,
      alpha: method?.alpha || ALPHA_DEFAULT,
      correction: method?.correction || ExperimentMethod_Correction.HOLM,
      spending: toSpending(method),
      looks: method?.looks ?? [],
    }),
  });
}

type AutoPromotionFields = NonNullable<z.output<typeof experimentSchema>["autoPromotion"]>;
const toAutoPromotion = ({ after, ...rest }: AutoPromotionFields) =>
  create(AutoPromotionSchema, { ...rest, ...(after && { after }) });

function toSpending(method: z.output<typeof methodSchema> | undefined): ExperimentMethod_Spending {
  if (method?.kind !== ExperimentMethod_Kind.GROUP_SEQUENTIAL) return ExperimentMethod_Spending.UNSPECIFIED;
  return method.spending || ExperimentMethod_Spending.OBRIEN_FLEMING;
}

const PLANNED: readonly ExperimentMethod_Kind[] = [ExperimentMethod_Kind.FIXED, ExperimentMethod_Kind.GROUP_SEQUENTIAL];

/** What is right by itself and does not go together. */
function findContradictions(experiment: Experiment) {
  const { allCampaigns, campaigns, layer, method, plannedUsers, goals, guardrails } = experiment;
  const found: { field: string; description: string }[] = [];
  const refuse = (field: string, description: string) => found.push({ field, description });
  if (allCampaigns && campaigns.length > 0) refuse("campaigns", "it splits all campaigns, so that none is named");
  if (!allCampaigns && campaigns.length === 0) refuse("campaigns", "there are none; 1 to 20 are needed");
  if (allCampaigns && experiment.autoPromotion !== undefined)
    refuse("auto_promotion", "what splits all campaigns has nothing to ship");
  if (allCampaigns && layer !== undefined) refuse("layer", "what splits all campaigns is in no layer");
  if (plannedUsers === 0n && PLANNED.includes(method?.kind ?? 0))
    refuse("planned_users", "it is missing; the method needs it");
  const all = [
    ...goals.map((goal, index) => ({ goal, field: `goals[${index}]` })),
    ...guardrails.map(({ goal }, index) => ({ goal, field: `guardrails[${index}].goal` })),
  ];
  if (PLANNED.includes(method?.kind ?? 0))
    for (const { goal, field } of all)
      if (goal !== undefined && goal.window === undefined)
        refuse(`${field}.window`, "it is missing; at a planned look what was measured has to be final");
  const ids = all.map(({ goal }) => goal?.goalId ?? "");
  for (const [index, { field }] of all.entries()) {
    const id = ids[index] ?? "";
    if (id !== "" && ids.indexOf(id) < index)
      refuse(`${field}.goal_id`, `${show(id)} is the id of another goal already`);
  }
  return found;
}
