import { create, toBinary } from "@bufbuild/protobuf";
import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type InterventionMessage, RealtimeMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import type { DecisionInput } from "../../gen/intervention/v1/decision_pb.js";
import { EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import { Channel } from "../../gen/intervention/v1/intervention_pb.js";
import { ContactChannel, Purpose } from "../../gen/intervention/v1/profile_pb.js";
import { createRealtimePublisher, toKindName, toSubjectToken } from "../bus/index.ts";
import { applyTreatments } from "../domain/experiment/apply-treatment.ts";
import { toVariantName } from "../domain/experiment/to-assignment.ts";
import { toConsentName } from "../domain/profile/register-keys.ts";
import {
  type DecisionOutline,
  findDecisions,
  findHappened,
  findInterventions,
  findProfileOutlines,
  insertInboxItems,
  profileId,
  type Store,
  toDecisionInput,
  toInterventionMessage,
} from "../store/index.ts";
import { toInboxItem } from "./effect-runner.ts";
import type { WalkOptions } from "./walk.ts";

/** Whose sends are looked at. */
export type Sends = { readonly workspaceId: string; readonly sends: readonly DecisionOutline[]; readonly now: Date };

/** Sees to those that no device has acknowledged: they go to the inbox, or end when their time is up. Safe to repeat: an item is
 *  in the inbox once, an event is stored once, and a device that acknowledges later takes the item out again. */
export async function sweepSends(options: WalkOptions, { workspaceId, sends, now }: Sends): Promise<void> {
  if (sends.length === 0) return;
  const { bus, events, metrics, store } = options;
  const idsOn = (wanted: "realtime" | "inbox") =>
    sends.filter(({ channel }) => channel === wanted).map(({ interventionId }) => interventionId);
  const [live, inboxed] = [idsOn("realtime"), new Set(idsOn("inbox"))];
  // The maker of a decision can die before its inbox item is written, and the broker lose the message at the same time.
  const [delivered, written] = await Promise.all([
    findHappened(store, live, ["delivered"]),
    findHappened(store, [...inboxed], ["inboxed"]),
  ]);
  const silent = [...live.filter((id) => !delivered.has(id)), ...[...inboxed].filter((id) => !written.has(id))];
  // A device that is between two connections may have told the later events and not yet the first.
  const settled = await findHappened(store, silent, ["displayed", "dismissed", "cancelled", "expired", "inboxed"]);
  const open = (
    await findInterventions(
      store,
      workspaceId,
      silent.filter((id) => !settled.has(id)),
    )
  ).map(toInterventionMessage);
  if (open.length === 0) return;
  const isExpired = ({ expireTime }: InterventionMessage) =>
    expireTime !== undefined && timestampDate(expireTime).getTime() <= now.getTime();
  const refused = await findRefused(store, open);
  const expired = open.filter(isExpired);
  const unwanted = open.filter((message) => !isExpired(message) && refused.has(message));
  const waiting = open.filter((message) => !isExpired(message) && !refused.has(message));
  const inputOf = await findInputs(store, sends, waiting);
  await insertInboxItems(
    store,
    waiting.map((message) => {
      const { experiments = [], template } = inputOf.get(message.interventionId) ?? {};
      return {
        ...toInboxItem(applyTreatments(message, experiments), now, template),
        ...(inboxed.has(message.interventionId) ? {} : { wasSent: true }),
      };
    }),
  );
  await Promise.all([
    createRealtimePublisher(bus).publishAll(waiting.map((message) => toInboxChanged(options, message))),
    events.publish([
      ...expired.map((message) => toEvent(message, EventKind.EXPIRED, now)),
      ...unwanted.map((message) => toEvent(message, EventKind.EXPIRED, now, "the user has said no to the inbox")),
      ...waiting.map((message) => ({
        ...toEvent(message, EventKind.INBOXED, now),
        variant: toVariantName(inputOf.get(message.interventionId)?.experiments ?? []),
      })),
    ]),
  ]);
  metrics.undelivered.inc({ into: "inbox" }, waiting.length);
  metrics.undelivered.inc({ into: "expired" }, expired.length);
  metrics.undelivered.inc({ into: "refused" }, unwanted.length);
}

/** What those were decided on that a template or a variant says: what that came to is in their decisions. */
async function findInputs(
  store: Store,
  sends: Sends["sends"],
  messages: readonly InterventionMessage[],
): Promise<ReadonlyMap<string, DecisionInput>> {
  const templated = new Map(messages.map(({ interventionId, template }) => [interventionId, template !== undefined]));
  const wanted = sends.filter(
    ({ interventionId, inExperiment }) =>
      templated.get(interventionId) === true || (inExperiment === true && templated.has(interventionId)),
  );
  if (wanted.length === 0) return new Map();
  const documents = await findDecisions(
    store,
    wanted.map(({ _id }) => _id),
  );
  return new Map(
    documents.flatMap((document) => {
      const input = toDecisionInput(document);
      return input === undefined ? [] : [[document.interventionId, input] as const];
    }),
  );
}

/** Those whose users have said no to the inbox, perhaps since it was decided. */
async function findRefused(
  store: Store,
  messages: readonly InterventionMessage[],
): Promise<ReadonlySet<InterventionMessage>> {
  const toWho = ({ workspace, recipient }: InterventionMessage) => ({
    workspaceId: workspace,
    userId: recipient?.userId ?? "",
  });
  const profiles = await findProfileOutlines(store, messages.map(toWho));
  return new Set(
    messages.filter((message) => {
      const { workspaceId, userId } = toWho(message);
      const purpose = message.policy?.purpose || Purpose.MARKETING;
      const refusal = toConsentName({ channel: ContactChannel.INBOX, purpose });
      return profiles.get(profileId(workspaceId, userId))?.denied.some(({ name }) => name === refusal) === true;
    }),
  );
}

function toInboxChanged({ bus }: WalkOptions, { workspace, interventionId, recipient }: InterventionMessage) {
  return {
    subject: bus.subjects.realtime(workspace, toSubjectToken(recipient?.userId ?? "")),
    data: toBinary(
      RealtimeMessageSchema,
      create(RealtimeMessageSchema, { message: { case: "inboxChanged", value: { interventionId } } }),
    ),
    messageId: `${interventionId}:inbox`,
  };
}

function toEvent(
  { interventionId, workspace, recipient, campaign }: InterventionMessage,
  kind: EventKind,
  now: Date,
  reason = "",
) {
  return create(EventSchema, {
    eventId: `${interventionId}:${toKindName(kind)}`,
    kind,
    workspace,
    interventionId,
    userId: recipient?.userId ?? "",
    campaign,
    channel: kind === EventKind.INBOXED ? Channel.INBOX : Channel.REALTIME,
    occurTime: timestampFromDate(now),
    receiveTime: timestampFromDate(now),
    reason,
  });
}
