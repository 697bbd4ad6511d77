import { fromBinary } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Logger } from "pino";
import { type Event, EventBatchSchema, EventKind } from "../../gen/intervention/v1/event_pb.js";
import { Channel } from "../../gen/intervention/v1/intervention_pb.js";
import { type Bus, toKindName, Worker } from "../bus/index.ts";
import { DELIVERY_RANK, type DeliveryState } from "../domain/delivery.ts";
import { InvalidInput } from "../domain/errors.ts";
import { type Metrics, SPAN, type Traces } from "../observe/index.ts";
import { advanceDeliveries, type DecisionDocument, type DeliveryStep, decisionId, type EventDocument, findDeliveries, insertEvents, listRounds, type Store, withdrawInboxItems } from "../store/index.ts";

/** What the role stands on. */
export type TrackOptions = { readonly bus: Bus; readonly store: Store; readonly metrics: Metrics; readonly traces: Traces; readonly log: Logger };

/** Messages, each of up to 500 events. */
const BATCH_MAX = 50;

/** What a device reports moves a delivery on. */
const REPORTED: ReadonlyMap<EventKind, DeliveryState> = new Map([
  [EventKind.DELIVERED, "delivered"],
  [EventKind.DISPLAYED, "displayed"],
  [EventKind.DISMISSED, "dismissed"],
  [EventKind.CLICKED, "clicked"],
]);

/** Stores every event once, and moves deliveries on. */
export async function startTrack(options: TrackOptions): Promise<AsyncDisposable> {
  const { bus, log } = options;
  return Worker.start({
    bus,
    log,
    stream: "TRACKING",
    name: "track",
    filterSubject: bus.subjects.all.track,
    batchMax: BATCH_MAX,
    parse: (message) => parseEvents(message.data),
    handle: (batch) => record(options, batch.flat()),
  });
}

function parseEvents(data: Uint8Array): Event[] {
  let events: Event[];
  try {
    events = fromBinary(EventBatchSchema, data).events;
  } catch (error) {
    throw new InvalidInput([{ field: "message", description: `not an EventBatch: ${String(error)}` }]);
  }
  const bad = events.findIndex((event) => event.eventId === "" || event.workspace === "" || !event.eventId.startsWith(`${event.interventionId}:`) || EventKind[event.kind] === undefined || event.kind === EventKind.UNSPECIFIED);
  if (bad >= 0) throw new InvalidInput([{ field: `events[${bad}]`, description: "an event without workspace, kind or an id that begins with its intervention" }]);
  return events;
}

async function record({ store, metrics, traces }: TrackOptions, events: readonly Event[]): Promise<void> {
  const spans = events.map((event) => traces.openSampled(SPAN.record, event.traceParent || undefined));
  const receivedAt = new Date();
  const once = [...new Map(events.map((event) => [event.eventId, event])).values()];
  const repeated = await insertEvents(store, once.map((event) => toDocument(event, receivedAt)));
  await moveDeliveries(store, once);
  for (const { kind } of once) metrics.events.inc({ kind: toKindName(kind) });
  metrics.eventsRepeated.inc(repeated + events.length - once.length);
  for (const span of spans) span?.end();
}

type Step = DeliveryStep & { readonly interventionId: string };

/** Repeated events are applied too: the process that stored them may have died before it came this far. */
async function moveDeliveries(store: Store, events: readonly Event[]): Promise<void> {
  const steps = new Map<string, Step>();
  const shownLive = new Set<string>();
  for (const event of events) {
    const state = REPORTED.get(event.kind);
    if (state === undefined) continue;
    if (event.channel === Channel.REALTIME) shownLive.add(event.interventionId);
    const known = steps.get(event.interventionId);
    if (known !== undefined && DELIVERY_RANK[known.state] >= DELIVERY_RANK[state]) continue;
    const at = event.occurTime === undefined ? new Date(0) : timestampDate(event.occurTime);
    steps.set(event.interventionId, { decisionId: decisionId(event.interventionId, 0), workspaceId: event.workspace, state, at, interventionId: event.interventionId });
  }
  if (steps.size === 0) return;
  // Almost always the first round has the delivery. Where that was a delay, this does nothing and the last round is looked up.
  await advanceDeliveries(store, [...steps.values()]);
  const firsts = await findDeliveries(store, [...steps.values()].map((step) => step.decisionId));
  const lasts = await Promise.all(firsts.map((first) => (first.outcome === "delay" ? moveLastRound(store, steps.get(first.interventionId), first) : first)));
  // What has reached a device need not wait in the inbox; whatever the user read there is reported on that channel and stays.
  const withdrawn = lasts.filter(({ delivery, interventionId }) => delivery?.wasInboxed === true && shownLive.has(interventionId));
  await withdrawInboxItems(store, withdrawn.map(({ workspaceId, userId, interventionId: id }) => ({ workspaceId, userId, id })), new Date());
}

async function moveLastRound<T extends Pick<DecisionDocument, "interventionId" | "workspaceId">>(store: Store, step: Step | undefined, first: T): Promise<T | DecisionDocument> {
  const last = (await listRounds(store, first.workspaceId, first.interventionId)).at(-1);
  if (last === undefined || step === undefined) return first;
  await advanceDeliveries(store, [{ ...step, decisionId: last._id }]);
  return last;
}

function toDocument(event: Event, receivedAt: Date): EventDocument {
  const kind = toKindName(event.kind);
  return {
    _id: event.eventId,
    workspaceId: event.workspace,
    interventionId: event.interventionId,
    userId: event.userId,
    kind,
    campaign: event.campaign,
    channel: event.channel === Channel.UNSPECIFIED ? "none" : Channel[event.channel].toLowerCase(),
    occurredAt: event.occurTime === undefined ? receivedAt : timestampDate(event.occurTime),
    receivedAt: event.receiveTime === undefined ? receivedAt : timestampDate(event.receiveTime),
    ...(event.actionId === "" ? {} : { actionId: event.actionId }),
    ...(event.reason === "" ? {} : { reason: event.reason }),
  };
}
