import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Logger } from "pino";
import { RealtimeMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import { EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import { Channel } from "../../gen/intervention/v1/intervention_pb.js";
import { BatchPublisher, type Bus, type EventPublisher, toKindName, toSubjectToken } from "../bus/index.ts";
import { DELIVERY_RANK } from "../domain/delivery.ts";
import type { Metrics } from "../observe/index.ts";
import { claimDelivery, type DecisionDocument, findDeliveries, findInterventions, insertInboxItems, listUndelivered, type Store, toInterventionMessage, withdrawInboxItems } from "../store/index.ts";
import { toInboxItem } from "./effect-runner.ts";

/** What the sweep stands on. */
export type SweepOptions = { readonly bus: Bus; readonly store: Store; readonly events: EventPublisher; readonly metrics: Metrics; readonly log: Logger; readonly undeliveredAfterMs: number };

const PAGE_MAX = 500;

/** Sees to what was sent to a live socket and acknowledged by no device: it goes to the inbox, or ends if its time is up.
 *  @returns how many it saw to; several sweeps at once share the work. */
export async function sweepUndelivered(options: SweepOptions, workspaceId: string, now: Date): Promise<number> {
  const { store } = options;
  const sentBefore = new Date(now.getTime() - options.undeliveredAfterMs);
  const page = await listUndelivered(store, { workspaceId, sentBefore, limit: PAGE_MAX });
  if (page.length === 0) return 0;
  const ledger = new Map((await findInterventions(store, workspaceId, page.map(({ interventionId }) => interventionId))).map((document) => [document._id, document]));
  const realtime = new BatchPublisher(options.bus);
  await Promise.all(
    page.map(async (decision) => {
      const isExpired = decision.delivery?.expireAt !== undefined && decision.delivery.expireAt.getTime() <= now.getTime();
      const entry = ledger.get(decision.interventionId);
      if (isExpired || entry === undefined) return expire(options, decision, now);
      // The item comes first: killed in between, it is there a little early, and the claim is made by the next sweep.
      await insertInboxItems(store, [toInboxItem(toInterventionMessage(entry), now)]);
      const isOurs = await claimDelivery(store, { decisionId: decision._id, workspaceId, state: "inboxed", at: now, from: "sent" });
      if (!isOurs) return withdrawIfShown(store, decision, now);
      await tell(options, realtime, decision, now);
    }),
  );
  return page.length;
}

/** A device acknowledged it at this very moment. */
async function withdrawIfShown(store: Store, decision: DecisionDocument, now: Date): Promise<void> {
  const [current] = await findDeliveries(store, [decision._id]);
  if ((current?.delivery?.rank ?? 0) > DELIVERY_RANK.inboxed) await withdrawInboxItems(store, [{ workspaceId: decision.workspaceId, userId: decision.userId, id: decision.interventionId }], now);
}

async function tell({ bus, events, metrics }: SweepOptions, realtime: BatchPublisher, decision: DecisionDocument, now: Date): Promise<void> {
  const { interventionId, workspaceId, userId } = decision;
  await Promise.all([
    events.publish([toEvent(decision, EventKind.INBOXED, Channel.INBOX, now)]),
    realtime.publish({
      subject: bus.subjects.realtime(workspaceId, toSubjectToken(userId)),
      data: toBinary(RealtimeMessageSchema, create(RealtimeMessageSchema, { message: { case: "inboxChanged", value: { interventionId } } })),
      messageId: `${interventionId}:inbox`,
    }),
  ]);
  metrics.sweptToInbox.inc({ into: "inbox" });
}

async function expire({ events, metrics, store }: SweepOptions, decision: DecisionDocument, now: Date): Promise<void> {
  // The event comes first: killed in between, it is told again under the same id.
  await events.publish([toEvent(decision, EventKind.EXPIRED, Channel.REALTIME, now)]);
  await claimDelivery(store, { decisionId: decision._id, workspaceId: decision.workspaceId, state: "expired", at: now, from: "sent" });
  metrics.sweptToInbox.inc({ into: "expired" });
}

function toEvent(decision: DecisionDocument, kind: EventKind, channel: Channel, now: Date) {
  return create(EventSchema, {
    eventId: `${decision.interventionId}:${toKindName(kind)}`,
    kind,
    workspace: decision.workspaceId,
    interventionId: decision.interventionId,
    userId: decision.userId,
    campaign: decision.campaign,
    channel,
    occurTime: timestampFromDate(now),
    receiveTime: timestampFromDate(now),
  });
}
