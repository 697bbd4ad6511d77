import { create } from "@bufbuild/protobuf";
import { type Duration, durationMs, type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import { Channel, ChannelSchema } from "../../gen/intervention/v1/intervention_pb.js";
import {
  LearntChannelSchema,
  type OptimizationService,
  TargetPolicy_Kind,
  TargetPolicy_KindSchema,
} from "../../gen/intervention/v1/optimization_service_pb.js";
import { fromChannelName } from "../domain/delivery/channel-names.ts";
import { evaluateChoices } from "../domain/policy/evaluate-choices.ts";
import { DEFAULT_HALF_LIFE_MS } from "../domain/policy/half-life.ts";
import { betaQuantile } from "../domain/statistics/beta-quantile.ts";
import { thompsonAllocation } from "../domain/statistics/thompson-allocation.ts";
import type { ChoiceModel } from "../integrations/choice-model.ts";
import type { FindPlaced } from "../integrations/choice-rewards.ts";
import type { Store } from "../store/index.ts";
import { getService } from "./authenticate.ts";
import { HALF_LIFE } from "./choice-checks.ts";
import { confidenceOrDefault, evaluateVariantsMethod } from "./evaluate-variants.ts";
import { checked, durationBetween, memberOf, parseFields, text, timestamp } from "./field-checks.ts";
import { findChoices } from "./find-choices.ts";
import { toEvaluation } from "./to-evaluation.ts";
import { toTarget } from "./to-target.ts";

/** What the service stands on. */
export type OptimizationParts = {
  readonly store: Store;
  readonly now: () => Date;
  readonly choices: ChoiceModel;
  readonly findOrders: FindPlaced;
};

const SINCE_MS = 30 * 86_400_000;
const CONFIDENCE = 0.95;
const TEMPERATURE_MAX = 10;
/** The interval of what was learnt leaves out so much on each side. */
const TAIL = 0.025;

const halfLife = checked<Duration>(durationBetween(HALF_LIFE)).optional();
const evaluateSchema = z
  .object({
    target: z
      .object(
        {
          kind: checked<TargetPolicy_Kind>(memberOf(TargetPolicy_KindSchema, { allowUnspecified: false })),
          channel: checked<Channel>(memberOf(ChannelSchema, { allowUnspecified: true })),
          temperature: z.number(),
        },
        { error: "it is missing; it says which policy is evaluated" },
      )
      .superRefine(({ kind, channel, temperature }, context) => {
        const refuse = (field: string, message: string) => context.addIssue({ code: "custom", path: [field], message });
        if (kind === TargetPolicy_Kind.ALWAYS && channel === Channel.UNSPECIFIED)
          refuse("channel", "it is missing; it says which channel is always taken");
        if (kind === TargetPolicy_Kind.SOFTMAX && !(temperature > 0 && temperature <= TEMPERATURE_MAX))
          refuse("temperature", `${temperature} is not above 0 and at most ${TEMPERATURE_MAX}`);
      }),
    campaign: checked(text({ max: 128 })),
    startTime: checked<Timestamp>(timestamp).optional(),
    endTime: checked<Timestamp>(timestamp).optional(),
    confidence: checked(confidenceOrDefault),
    halfLife,
  })
  .refine(
    ({ startTime, endTime }) =>
      startTime === undefined || endTime === undefined || timestampDate(startTime) < timestampDate(endTime),
    { path: ["endTime"], error: "it is not after start_time" },
  );
const modelSchema = z.object({ halfLife });

/** Looks at choices of channel that were drawn; changes nothing. */
export function optimizationService(parts: OptimizationParts): ServiceImpl<typeof OptimizationService> {
  const { choices, now } = parts;
  return {
    async evaluate(request, context) {
      const { workspace } = getService(context.values);
      const { target, campaign, startTime, endTime, confidence, halfLife } = parseFields(evaluateSchema, request);
      const until = endTime === undefined ? now() : timestampDate(endTime);
      const from = startTime === undefined ? new Date(until.getTime() - SINCE_MS) : timestampDate(startTime);
      const found = await findChoices(parts, { workspaceId: workspace.id, campaign, from, until });
      const policy = toTarget(target, (segment, channel) =>
        choices.find(workspace.id, { segment, channel, halfLifeMs: toHalfLifeMs(halfLife) }),
      );
      const evaluation = evaluateChoices(found.choices, policy, 1 - (confidence || CONFIDENCE));
      return toEvaluation(evaluation, { rounds: found.choices.length, isCut: found.isCut, what: "decisions" });
    },
    evaluateVariants: evaluateVariantsMethod(parts),
    async getChannelModel(request, context) {
      const { workspace } = getService(context.values);
      const learnt = choices.list(workspace.id, toHalfLifeMs(parseFields(modelSchema, request).halfLife));
      const bySegment = Map.groupBy(learnt, ({ segment }) => segment);
      return {
        channels: [...bySegment.values()].flatMap((its) => {
          const propensities = thompsonAllocation(its.map(({ posterior }) => posterior));
          return its.map(({ segment, channel, rounds, posterior }, index) => {
            const { alpha, beta } = posterior;
            return create(LearntChannelSchema, {
              ...{ segment, alpha, beta },
              channel: fromChannelName(channel),
              rounds: BigInt(rounds),
              mean: alpha / (alpha + beta),
              low: betaQuantile(TAIL, alpha, beta),
              high: betaQuantile(1 - TAIL, alpha, beta),
              propensity: propensities[index] ?? 0,
            });
          });
        }),
      };
    },
  };
}

const toHalfLifeMs = (halfLife: Duration | undefined) =>
  halfLife === undefined ? DEFAULT_HALF_LIFE_MS : durationMs(halfLife);
