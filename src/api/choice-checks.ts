import type { Duration } from "@bufbuild/protobuf/wkt";
import { z } from "zod";
import {
  type ChannelChoice_Feature,
  ChannelChoice_FeatureSchema,
  type ChannelChoice_Method,
  ChannelChoice_MethodSchema,
} from "../../gen/intervention/v1/intervention_pb.js";
import { type Check, checked, currency, durationBetween, memberOf } from "./field-checks.ts";

const MICROS_MAX = 1_000_000_000n;
const COSTS_MAX = 5;
const FEATURES_MAX = 2;
const EXPLORATION_MAX = 0.1;
/** What an outcome may take to count half. */
export const HALF_LIFE = { minS: 3_600, maxS: 365 * 86_400, allowed: "1 h to 365 days" };
const WITHIN = { minS: 60, maxS: 3 * 86_400, allowed: "1 min to 3 days" };

const between =
  (min: number, max: number): Check<number> =>
  (value) =>
    value >= min && value <= max ? undefined : `${value} is not in ${min} to ${max}`;
const microsAllowed: Check<bigint> = (value) =>
  value >= 0n && value <= MICROS_MAX ? undefined : `${value} is not in 0 to ${MICROS_MAX}`;

/** What a message costs. */
export const costSchema = z.object({ currency: checked(currency), micros: checked(microsAllowed) });

/** The bounds of a policy on that. */
export const costMaxSchema = z
  .array(costSchema)
  .max(COSTS_MAX, `there are too many; up to ${COSTS_MAX} are allowed`)
  .superRefine((costs, context) =>
    refuseRepeated(
      costs.map((cost) => cost.currency),
      context,
      "currency",
    ),
  );

/** How a policy has a channel chosen. */
export const channelChoiceSchema = z.object({
  method: checked<ChannelChoice_Method>(memberOf(ChannelChoice_MethodSchema, { allowUnspecified: true })),
  exploration: checked(between(0, EXPLORATION_MAX)),
  halfLife: checked<Duration>(durationBetween(HALF_LIFE)).optional(),
  segmentBy: z
    .array(checked<ChannelChoice_Feature>(memberOf(ChannelChoice_FeatureSchema, { allowUnspecified: false })))
    .max(FEATURES_MAX, `there are too many; up to ${FEATURES_MAX} are allowed`)
    .superRefine((features, context) => refuseRepeated(features, context)),
  reward: z
    .object({
      displayed: checked(between(0, 1)),
      clicked: checked(between(0, 1)),
      converted: checked(between(0, 1)),
      within: checked<Duration>(durationBetween(WITHIN)).optional(),
      worth: costSchema
        .refine(({ micros }) => micros > 0n, {
          path: ["micros"],
          error: "it is 0; a reward needs a worth to compare costs with",
        })
        .optional(),
    })
    .optional(),
});

function refuseRepeated(
  values: readonly (string | number)[],
  context: { readonly addIssue: (issue: { code: "custom"; path: PropertyKey[]; message: string }) => void },
  field?: string,
): void {
  for (const [index, value] of values.entries())
    if (values.indexOf(value) < index)
      context.addIssue({
        code: "custom",
        path: field === undefined ? [index] : [index, field],
        message: `${value} is named twice`,
      });
}
