import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { EventKind, EventKindSchema } from "../../gen/intervention/v1/event_pb.js";
import {
  type WebhookDelivery,
  WebhookDeliverySchema,
  type WebhookEndpoint,
  WebhookEndpointSchema,
  WebhookState,
} from "../../gen/intervention/v1/webhook_service_pb.js";
import { toKindName } from "../bus/index.ts";
import type { WebhookDeliveryDocument, WebhookEndpointDocument } from "../store/index.ts";

const STATES = {
  active: WebhookState.ACTIVE,
  paused: WebhookState.PAUSED,
  disabled: WebhookState.DISABLED,
} as const;
const KINDS = new Map<string, EventKind>(EventKindSchema.values.map(({ number }) => [toKindName(number), number]));

/** An endpoint as callers see it: without its secrets. */
export function toEndpoint(document: WebhookEndpointDocument): WebhookEndpoint {
  return create(WebhookEndpointSchema, {
    endpointId: document._id,
    url: document.url,
    kinds: document.kinds.map((kind) => KINDS.get(kind) ?? EventKind.UNSPECIFIED),
    description: document.description,
    state: STATES[document.state],
    reason: document.reason,
    createTime: timestampFromDate(document.createdAt),
    ...(document.failingSince === undefined ? {} : { failingSince: timestampFromDate(document.failingSince) }),
  });
}

/** An attempt as callers see it. */
export function toDelivery(
  document: Pick<
    WebhookDeliveryDocument,
    "eventId" | "attempt" | "at" | "status" | "latencyMs" | "error" | "isDelivered" | "isGivenUp"
  >,
): WebhookDelivery {
  const { eventId, attempt, status, latencyMs, error, isDelivered, isGivenUp, at } = document;
  const attemptTime = timestampFromDate(at);
  return create(WebhookDeliverySchema, {
    eventId,
    attempt,
    status,
    latencyMs,
    error,
    isDelivered,
    isGivenUp,
    attemptTime,
  });
}
