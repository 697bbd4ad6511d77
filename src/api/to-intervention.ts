import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type Event, EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import { type Intervention, InterventionSchema } from "../../gen/intervention/v1/intervention_pb.js";
import { fromChannelName } from "../domain/delivery/channel-names.ts";
import { toState } from "../domain/intervention-state.ts";
import {
  type DecisionDocument,
  type EventDocument,
  type InterventionDocument,
  toInterventionMessage,
} from "../store/index.ts";
import { toInterventionName } from "./resource-name.ts";

/** An intervention as callers see it: what the ledger holds, and how far it has come.
 *  @param kinds of its events. */
export function toIntervention(
  document: InterventionDocument,
  latest: DecisionDocument | undefined,
  kinds: Iterable<string>,
): Intervention {
  const {
    workspace,
    interventionId,
    idempotencyKey,
    recipient,
    content,
    template,
    campaign,
    priority,
    policy,
    acceptTime,
    expireTime,
  } = toInterventionMessage(document);
  return create(InterventionSchema, {
    name: toInterventionName(workspace, interventionId),
    ...{ interventionId, idempotencyKey, campaign, priority },
    ...(recipient === undefined ? {} : { recipient }),
    ...(content === undefined ? {} : { content }),
    ...(template === undefined ? {} : { template }),
    ...(policy === undefined ? {} : { policy }),
    ...(acceptTime === undefined ? {} : { acceptTime }),
    ...(expireTime === undefined ? {} : { expireTime }),
    state: toState(latest, kinds),
    channel: fromChannelName(latest?.channel),
  });
}

/** A stored touchpoint as it was on the bus, but for its trace. */
export function toEvent(document: EventDocument): Event {
  return create(EventSchema, {
    eventId: document._id,
    kind: KINDS.get(document.kind) ?? EventKind.UNSPECIFIED,
    workspace: document.workspaceId,
    interventionId: document.interventionId,
    userId: document.userId,
    campaign: document.campaign,
    channel: fromChannelName(document.channel),
    occurTime: timestampFromDate(document.occurredAt),
    receiveTime: timestampFromDate(document.receivedAt),
    actionId: document.actionId ?? "",
    reason: document.reason ?? "",
  });
}

/** The store has the kinds' names in lower case. */
const KINDS: ReadonlyMap<string, EventKind> = new Map(
  Object.values(EventKind).flatMap((kind) =>
    typeof kind === "number" ? [[EventKind[kind].toLowerCase(), kind] as const] : [],
  ),
);
