import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { z } from "zod";
import { Priority } from "../../gen/intervention/v1/intervention_pb.js";
import { TriggerRequestSchema } from "../../gen/intervention/v1/intervention_service_pb.js";
import {
  TopicKind,
  TopicKindSchema,
  type TopicRule,
  TopicRuleSchema,
  type TriggerTopicRequest,
} from "../../gen/intervention/v1/topic_service_pb.js";
import type { ParsedTrigger } from "../accept/parsed-trigger.ts";
import type { OfferNews } from "../domain/catalog/offer.ts";
import { InvalidInput } from "../domain/errors.ts";
import { checked, memberOf, parseFields } from "./field-checks.ts";
import { parseTrigger, type TriggerSurroundings } from "./parse-trigger.ts";

/** Stands for the follower, who is not known yet. */
const ANYBODY = { userId: "*" };

/** A trigger without its recipient: the same fields under the same rules, but behind everything else by default.
 *  @throws InvalidInput naming every bad field. */
export function parseTopicTrigger(
  { idempotencyKey, content, template, campaign, priority, policy, expiration }: TriggerTopicRequest,
  surroundings: TriggerSurroundings,
): ParsedTrigger {
  return parseTrigger(
    create(TriggerRequestSchema, {
      ...{ idempotencyKey, recipient: ANYBODY, campaign, priority: priority || Priority.LOW, expiration },
      ...(content === undefined ? {} : { content }),
      ...(template === undefined ? {} : { template }),
      ...(policy === undefined ? {} : { policy }),
    }),
    surroundings,
  );
}

const kindSchema = z.object({ kind: checked<TopicKind>(memberOf(TopicKindSchema, { allowUnspecified: false })) });

/** @throws InvalidInput */
export function parseTopicKind(value: { readonly kind: TopicKind }): OfferNews {
  return parseFields(kindSchema, value).kind === TopicKind.BACK_IN_STOCK ? "back_in_stock" : "price_drop";
}

/** A rule in which everything is right.
 *  @throws InvalidInput naming every bad field. */
export function parseTopicRule(
  rule: TopicRule | undefined,
  workspaceId: string,
): { readonly kind: OfferNews; readonly rule: TopicRule } {
  if (rule === undefined)
    throw new InvalidInput([{ field: "rule", description: "it is missing; it says what to tell" }]);
  try {
    const kind = parseTopicKind(rule);
    return { kind, rule: parseBody(rule, workspaceId) };
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    throw new InvalidInput(error.violations.map(({ field, description }) => ({ field: `rule.${field}`, description })));
  }
}

function parseBody({ kind, content, template, policy, campaign, ttl }: TopicRule, workspaceId: string): TopicRule {
  const request: MessageInitShape<typeof TriggerRequestSchema> = {
    ...{ idempotencyKey: "rule", recipient: ANYBODY, campaign },
    // The engine's own content is right; what is looked at is the rest.
    ...(content === undefined && template !== undefined ? {} : { content: content ?? { title: "-" } }),
    ...(template === undefined ? {} : { template }),
    ...(policy === undefined ? {} : { policy }),
    ...(ttl === undefined ? {} : { expiration: { case: "ttl", value: ttl } }),
  };
  const parsed = parseTrigger(create(TriggerRequestSchema, request), { workspaceId, newKey: () => "rule" });
  return create(TopicRuleSchema, {
    kind,
    campaign,
    policy: parsed.policy,
    ...(parsed.template === undefined ? {} : { template: parsed.template }),
    ...(content === undefined ? {} : { content: { ...parsed.content, gonePolicy: content.gonePolicy } }),
    ...(parsed.expiration.kind === "after" ? { ttl: durationFromMs(parsed.expiration.ttlMs) } : {}),
  });
}
