import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Binary } from "mongodb";
import { RealtimeMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import { DecisionSchema, Outcome } from "../../gen/intervention/v1/decision_pb.js";
import { EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import {
  type BatchPublisher,
  type Bus,
  type EventPublisher,
  toKindName,
  toSubjectToken,
  unscheduleDecision,
} from "../bus/index.ts";
import { fromChannelName, toOutsideChannel } from "../domain/delivery/channel-names.ts";
import { toDeliveryState, toFirstState } from "../domain/delivery.ts";
import { Unavailable } from "../domain/errors.ts";
import {
  type DecisionDocument,
  decisionId,
  type InterventionDocument,
  insertDecisions,
  insertEvents,
  insertInboxItems,
  listEvents,
  listRounds,
  type Store,
  toEventDocument,
  toInterventionMessage,
  toPosition,
  toStandingRound,
  withdrawInboxItems,
} from "../store/index.ts";

/** What cancelling works with. */
export type CancelParts = {
  readonly store: Store;
  readonly bus: Bus;
  readonly events: EventPublisher;
  readonly realtime: BatchPublisher;
  readonly now: () => Date;
};

/** Each lost race means that someone else brought the intervention further, of which there are only so many steps. */
const RACES_MAX = 20;

/** Stops an intervention wherever it is: it races with those who decide and deliver, step by step, and each step is won or
 *  lost in the store. Effects are done again on a repeated call, since the first may have died between store and bus.
 *  @returns its latest round as it is now. */
export async function cancelIntervention(
  parts: CancelParts,
  intervention: InterventionDocument,
  reason: string,
): Promise<DecisionDocument | undefined> {
  const { store } = parts;
  for (let race = 0; race < RACES_MAX; race += 1) {
    const rounds = await listRounds(store, intervention.workspaceId, intervention._id);
    const latest = toStandingRound(rounds);
    const step =
      latest === undefined || latest.outcome === "delay"
        ? await cancelUndecided(parts, intervention, latest)
        : await cancelDecided(parts, latest, hasFallbackLeft(rounds));
    if (step === "lost") continue;
    if (step === "stopped") await takeBack(parts, intervention, reason);
    return toStandingRound(await listRounds(store, intervention.workspaceId, intervention._id));
  }
  throw new Unavailable("engine", { cause: new Error(`cancelling lost ${RACES_MAX} races`) });
}

/** `stopped`: it is cancelled, or shall leave the screen; `ended`: it had come to its end; `lost`: look again. */
type Step = "stopped" | "ended" | "lost";

/** Takes the place of the next decision: the ids of decisions let one of us have it. */
async function cancelUndecided(
  { store, now }: CancelParts,
  intervention: InterventionDocument,
  delay: DecisionDocument | undefined,
): Promise<Step> {
  const round = delay === undefined ? 0 : delay.round + 1;
  const decidedAt = now();
  const { workspaceId, userId, _id: interventionId } = intervention;
  const decision = create(DecisionSchema, {
    workspace: workspaceId,
    interventionId,
    round,
    outcome: Outcome.CANCEL,
    decideTime: timestampFromDate(decidedAt),
  });
  const document: DecisionDocument = {
    _id: decisionId(interventionId, round),
    ...{ workspaceId, interventionId, userId, round, decidedAt },
    campaign: toInterventionMessage(intervention).campaign,
    outcome: "cancel",
    decision: new Binary(toBinary(DecisionSchema, decision)),
  };
  return (await insertDecisions(store, [document])).length > 0 ? "lost" : "stopped";
}

/** A send has no state to race for: it is what the stored events add up to, and of a cancellation and a report from a device
 *  the report stands. */
async function cancelDecided(
  { store }: CancelParts,
  latest: DecisionDocument,
  isToBeContinued: boolean,
): Promise<Step> {
  if (latest.outcome === "cancel") return "stopped";
  if (latest.outcome !== "send") return "ended";
  // Whatever became of this send, the next one must not be.
  if (isToBeContinued) return "stopped";
  const events = await listEvents(store, latest.workspaceId, latest.interventionId);
  const kinds = events.map(({ kind }) => kind);
  const state = toDeliveryState(toFirstState(latest.channel), kinds);
  // What a provider has can't be taken back; what waits for it is looked at again after its lease.
  if (toFirstState(latest.channel) === "queued" && state !== "queued" && state !== "cancelled") return "ended";
  // What has reached the user stays where it came to, but leaves the screen.
  return state === "expired" || state === "dismissed" || state === "clicked" ? "ended" : "stopped";
}

/** Whether a fallback is still to be decided, or waits for the end of quiet hours. */
function hasFallbackLeft(rounds: readonly DecisionDocument[]): boolean {
  const last = rounds.at(-1);
  return last !== undefined && (last.outcome === "delay" || (last.outcome === "send" && last.fallbackAt !== undefined));
}

/** Everything that might still show it, on whichever way it was. */
async function takeBack(parts: CancelParts, intervention: InterventionDocument, reason: string): Promise<void> {
  const { bus, events, realtime, store } = parts;
  const { workspaceId, userId, _id: interventionId } = intervention;
  const rounds = await listRounds(store, workspaceId, interventionId);
  const latest = toStandingRound(rounds);
  const at = parts.now();
  if (hasFallbackLeft(rounds)) {
    await unscheduleDecision(bus, { workspace: workspaceId, interventionId });
    // One that is being decided at this moment finds its place in the inbox taken; a delivery is looked at again before it is sent.
    await withdraw(parts, intervention, at);
  }
  if (latest?.outcome === "send" && toOutsideChannel(fromChannelName(latest.channel)) === undefined) {
    await withdraw(parts, intervention, at);
    await realtime.publish({
      subject: bus.subjects.realtime(workspaceId, toSubjectToken(userId)),
      data: toBinary(
        RealtimeMessageSchema,
        create(RealtimeMessageSchema, { message: { case: "revoke", value: { interventionId } } }),
      ),
      messageId: `${interventionId}:revoke`,
    });
  } else if (latest !== undefined && latest.outcome !== "send" && latest.round > 0)
    await unscheduleDecision(bus, { workspace: workspaceId, interventionId });
  const event = create(EventSchema, {
    eventId: `${interventionId}:${toKindName(EventKind.CANCELLED)}`,
    kind: EventKind.CANCELLED,
    workspace: workspaceId,
    ...{ interventionId, userId, reason },
    campaign: toInterventionMessage(intervention).campaign,
    channel: fromChannelName(latest?.channel),
    occurTime: timestampFromDate(at),
    receiveTime: timestampFromDate(at),
  });
  // Stored at once, so that the answer to this call tells it; the stream brings it to everybody else.
  await insertEvents(store, [toEventDocument(event, at)]);
  await events.publish([event]);
}

/** Takes it out of the inbox, or takes its place there: whoever decided may be about to put it in, and what is there stays. */
async function withdraw(
  { store }: CancelParts,
  { _id: id, workspaceId, userId }: InterventionDocument,
  createdAt: Date,
): Promise<void> {
  // What is withdrawn is never shown, so that it needs no frame.
  await insertInboxItems(store, [
    {
      _id: id,
      ...{ workspaceId, userId, createdAt },
      position: toPosition(createdAt, id),
      state: "withdrawn",
      frame: new Binary(),
    },
  ]);
  await withdrawInboxItems(store, [id]);
}
