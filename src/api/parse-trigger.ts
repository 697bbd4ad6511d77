import { create, type JsonObject } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { z } from "zod";
import {
  type Action,
  ActionSchema,
  Channel,
  ChannelChoiceSchema,
  ChannelSchema,
  type Content,
  ContentSchema,
  CostSchema,
  DeliveryGuarantee,
  DeliveryGuaranteeSchema,
  FallbackSchema,
  FrequencyCap_Scope,
  FrequencyCap_ScopeSchema,
  FrequencyCapSchema,
  GonePolicy,
  GonePolicySchema,
  type Policy,
  PolicySchema,
  Presentation_Kind,
  Presentation_KindSchema,
  PresentationSchema,
  Priority,
  PrioritySchema,
  QuietHours_Handling,
  QuietHours_HandlingSchema,
  QuietHoursSchema,
  RecipientSchema,
  SendTimeSchema,
} from "../../gen/intervention/v1/intervention_pb.js";
import type { TriggerRequest } from "../../gen/intervention/v1/intervention_service_pb.js";
import { AddressSchema, Purpose, PurposeSchema } from "../../gen/intervention/v1/profile_pb.js";
import { TemplateUseSchema } from "../../gen/intervention/v1/template_use_pb.js";
import type { ParsedTrigger } from "../accept/parsed-trigger.ts";
import { toBodyHash } from "../accept/to-body-hash.ts";
import { recipientAddressesSchema } from "./address-checks.ts";
import { channelChoiceSchema, costMaxSchema } from "./choice-checks.ts";
import { fallbacksSchema } from "./fallback-checks.ts";
import {
  type Check,
  checked,
  durationBetween,
  httpUrl,
  jsonUpTo,
  locale,
  memberOf,
  orEmpty,
  parseFields,
  show,
  text,
  timeOfDay,
  timestamp,
  timeZone,
  wholeNumber,
  withoutControlCharacters,
} from "./field-checks.ts";
import { requireParent } from "./resource-name.ts";
import { sendTimeSchema } from "./send-time-checks.ts";
import { templateUseSchema } from "./template-use.ts";

/** What a request means beside its own fields. */
export type TriggerSurroundings = {
  readonly workspaceId: string;
  /** The header `Idempotency-Key`; undefined when there is none. */
  readonly keyHeader?: string | undefined;
  /** Makes up a key where the caller gave none. */
  readonly newKey: () => string;
};

export const USER_ID: readonly Check<string>[] = [text({ min: 1, max: 128 }), withoutControlCharacters];
const KEY = text({ min: 1, max: 256 });
const ACTIONS_MAX = 8;
const DATA_BYTES_MAX = 16_384;
const PRODUCTS_MAX = 20;
const FROM_SECOND_TO_QUARTER = { minS: 1, maxS: 90 * 86_400, allowed: "1 s to 90 days" };
const DEFAULT_CHANNELS = [Channel.REALTIME, Channel.INBOX];

const actionSchema = z.object({
  id: checked(text({ min: 1, max: 64 })),
  label: checked(text({ min: 1, max: 200 })),
  url: checked(orEmpty(httpUrl)),
});

const actionsSchema = checked<Pick<Action, "id" | "label" | "url">[]>((actions) =>
  actions.length > ACTIONS_MAX ? `there are ${actions.length}; up to ${ACTIONS_MAX} are allowed` : undefined,
)
  .pipe(z.array(actionSchema))
  .superRefine((actions, context) => {
    const firstOf = new Map<string, number>();
    for (const [index, { id }] of actions.entries()) {
      const first = firstOf.get(id);
      if (first === undefined) firstOf.set(id, index);
      else
        context.addIssue({
          code: "custom",
          path: [index, "id"],
          message: `${JSON.stringify(id)} is the id of actions[${first}] already; each needs its own`,
        });
    }
  });

const productIdsSchema = checked<string[]>((ids) =>
  ids.length > PRODUCTS_MAX ? `there are ${ids.length}; up to ${PRODUCTS_MAX} are allowed` : undefined,
)
  .pipe(z.array(checked(...USER_ID)))
  .superRefine((ids, context) => {
    for (const [index, id] of ids.entries())
      if (ids.indexOf(id) < index)
        context.addIssue({ code: "custom", path: [index], message: `${show(id)} is named twice` });
  });

/** A placement's name, as pages write it into an attribute. */
export const PLACEMENT_NAME: Check<string> = (value) =>
  /^[a-z0-9][a-z0-9_-]{0,63}$/.test(value)
    ? undefined
    : `${show(value)} is not 1 to 64 of a-z, 0-9, "-" and "_", starting with a letter or digit`;

/** Where a page shows a message. */
export const presentationSchema = z
  .object({
    kind: checked<Presentation_Kind>(memberOf(Presentation_KindSchema, { allowUnspecified: true })),
    placement: z.string(),
    viewId: checked(text({ max: 64 })),
  })
  .superRefine(({ kind, placement, viewId }, context) => {
    const isInline = kind === Presentation_Kind.INLINE;
    const problem = isInline ? PLACEMENT_NAME(placement) : placement && "it is for KIND_INLINE alone";
    if (problem) context.addIssue({ code: "custom", path: ["placement"], message: problem });
    if (!isInline && viewId !== "")
      context.addIssue({ code: "custom", path: ["viewId"], message: "it is for KIND_INLINE alone" });
  });

const channelsSchema = checked<Channel[]>((channels) =>
  channels.length > ChannelSchema.values.length ? `there are ${channels.length}; each may be named once` : undefined,
)
  .pipe(z.array(checked<Channel>(memberOf(ChannelSchema, { allowUnspecified: false }))))
  .superRefine((channels, context) => {
    for (const [index, channel] of channels.entries())
      if (channels.indexOf(channel) < index)
        context.addIssue({
          code: "custom",
          path: [index],
          message: `${ChannelSchema.value[channel]?.name ?? channel} is named twice`,
        });
  });

const required = (what: string) => ({ error: `it is missing; it says ${what}` });

const bodySchema = z.object({
  idempotencyKey: checked(KEY),
  keyHeader: z.string(),
  recipient: z.object(
    {
      userId: checked(...USER_ID),
      timeZone: checked(orEmpty(timeZone)),
      locale: checked(orEmpty(locale)),
      addresses: recipientAddressesSchema,
    },
    required("for whom this is"),
  ),
  content: z.object(
    {
      title: checked(text({ min: 1, max: 200 })),
      body: checked(text({ max: 4_000 })),
      imageUrl: checked(orEmpty(httpUrl)),
      actions: actionsSchema,
      data: checked<JsonObject>(jsonUpTo(DATA_BYTES_MAX)).optional(),
      productIds: productIdsSchema,
      gonePolicy: checked<GonePolicy>(memberOf(GonePolicySchema, { allowUnspecified: true })),
      presentation: presentationSchema.optional(),
    },
    required("what the user sees"),
  ),
  campaign: checked(text({ max: 128 }), withoutControlCharacters),
  priority: checked<Priority>(memberOf(PrioritySchema, { allowUnspecified: true })),
  expireTime: checked(timestamp).optional(),
  ttl: checked(durationBetween(FROM_SECOND_TO_QUARTER)).optional(),
  policy: z
    .object({
      channels: channelsSchema,
      frequencyCap: z
        .object({
          max: checked(wholeNumber({ min: 1, max: 100 })),
          window: z
            .custom((value) => value !== undefined, required("within how long is counted"))
            .pipe(checked(durationBetween(FROM_SECOND_TO_QUARTER))),
          scope: checked<FrequencyCap_Scope>(memberOf(FrequencyCap_ScopeSchema, { allowUnspecified: true })),
        })
        .optional(),
      quietHours: z
        .object({
          start: checked(timeOfDay),
          end: checked(timeOfDay),
          handling: checked<QuietHours_Handling>(memberOf(QuietHours_HandlingSchema, { allowUnspecified: true })),
        })
        .refine(({ start, end }) => start !== end, {
          path: ["end"],
          error: "it is the same as start; the hours need a length",
        })
        .optional(),
      purpose: checked<Purpose>(memberOf(PurposeSchema, { allowUnspecified: true })),
      deliveryGuarantee: checked<DeliveryGuarantee>(memberOf(DeliveryGuaranteeSchema, { allowUnspecified: true })),
      fallbacks: fallbacksSchema,
      channelChoice: channelChoiceSchema.optional(),
      costMax: costMaxSchema,
      sendTime: sendTimeSchema.optional(),
    })
    .optional(),
});

function checkKey(
  { idempotencyKey, keyHeader }: { readonly idempotencyKey: string; readonly keyHeader: string },
  context: z.RefinementCtx,
): void {
  // Where field and header disagree nobody can know which was meant.
  if (keyHeader === "" || keyHeader === idempotencyKey) return;
  const message = `${show(idempotencyKey)} is not the ${show(keyHeader)} of the header Idempotency-Key; send one of them`;
  context.addIssue({ code: "custom", path: ["idempotencyKey"], message });
}

const contentTriggerSchema = bodySchema.superRefine(checkKey);
const templateTriggerSchema = bodySchema
  .extend({
    content: z.undefined({ error: "there is a template too; one of them is needed" }).optional(),
    template: templateUseSchema,
  })
  .superRefine(checkKey);

/** Makes a request safe to rely on.
 *  @throws InvalidInput naming every bad field; NotFound when it names another workspace. */
export function parseTrigger(request: TriggerRequest, surroundings: TriggerSurroundings): ParsedTrigger {
  requireParent(request.parent, surroundings.workspaceId);
  const { expiration } = request;
  const keyHeader = unquote(surroundings.keyHeader);
  const schema = request.template === undefined ? contentTriggerSchema : templateTriggerSchema;
  const fields = parseFields<z.output<typeof contentTriggerSchema | typeof templateTriggerSchema>>(schema, {
    ...request,
    idempotencyKey: request.idempotencyKey || keyHeader || surroundings.newKey(),
    keyHeader,
    expireTime: expiration.case === "expireTime" ? expiration.value : undefined,
    ttl: expiration.case === "ttl" ? expiration.value : undefined,
  });
  // Messages are made anew, so that nothing this version does not know gets in or counts for the hash.
  const parsed = {
    idempotencyKey: fields.idempotencyKey,
    recipient: create(RecipientSchema, {
      ...fields.recipient,
      addresses: fields.recipient.addresses.map((address) => create(AddressSchema, address)),
    }),
    content: toContent(fields.content),
    ...("template" in fields ? { template: create(TemplateUseSchema, fields.template) } : {}),
    campaign: fields.campaign,
    priority: fields.priority || Priority.NORMAL,
    policy: toPolicy(fields.policy),
    expiration: toExpiration(fields),
  };
  return { ...parsed, bodyHash: toBodyHash(parsed) };
}

type Fields = Pick<z.output<typeof contentTriggerSchema>, "policy" | "expireTime" | "ttl"> & {
  readonly content?: z.output<typeof contentTriggerSchema>["content"] | undefined;
};

function toContent(given: Fields["content"]): Content {
  if (given === undefined) return create(ContentSchema);
  const { actions, data, gonePolicy, presentation, ...content } = given;
  return create(ContentSchema, {
    ...content,
    // Without products there is nothing to be gone.
    gonePolicy: content.productIds.length === 0 ? GonePolicy.UNSPECIFIED : gonePolicy || GonePolicy.LEAVE_OUT,
    actions: actions.map((action) => create(ActionSchema, action)),
    ...(data === undefined ? {} : { data }),
    ...(presentation === undefined ? {} : { presentation: create(PresentationSchema, presentation) }),
  });
}

function toPolicy(policy: Fields["policy"]): Policy {
  const { channels = [], frequencyCap: cap, quietHours: quiet, purpose = Purpose.UNSPECIFIED } = policy ?? {};
  const {
    deliveryGuarantee = DeliveryGuarantee.UNSPECIFIED,
    fallbacks = [],
    channelChoice,
    costMax = [],
    sendTime,
  } = policy ?? {};
  return create(PolicySchema, {
    channels: channels.length === 0 ? DEFAULT_CHANNELS : [...channels],
    // Left unsaid where it was: calls from before there were purposes stay the same calls.
    purpose,
    deliveryGuarantee,
    ...(channelChoice === undefined ? {} : { channelChoice: create(ChannelChoiceSchema, channelChoice) }),
    costMax: costMax.map((cost) => create(CostSchema, cost)),
    fallbacks: fallbacks.map((fallback) => create(FallbackSchema, fallback)),
    ...(sendTime === undefined ? {} : { sendTime: create(SendTimeSchema, sendTime) }),
    ...(cap === undefined
      ? {}
      : { frequencyCap: create(FrequencyCapSchema, { ...cap, scope: cap.scope || FrequencyCap_Scope.USER }) }),
    ...(quiet === undefined
      ? {}
      : { quietHours: create(QuietHoursSchema, { ...quiet, handling: quiet.handling || QuietHours_Handling.DELAY }) }),
  });
}

function toExpiration({ expireTime, ttl }: Fields): ParsedTrigger["expiration"] {
  if (expireTime !== undefined) return { kind: "at", time: expireTime };
  return ttl === undefined ? { kind: "never" } : { kind: "after", ttlMs: Math.round(durationMs(ttl)) };
}

/** The header is a quoted string by the IETF's draft, but most callers send it bare. */
function unquote(keyHeader = ""): string {
  return /^"(.*)"$/.exec(keyHeader)?.[1] ?? keyHeader;
}
