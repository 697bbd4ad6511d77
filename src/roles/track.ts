import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Logger } from "pino";
import { type Event, EventBatchSchema, EventKind } from "../../gen/intervention/v1/event_pb.js";
import { type Bus, bury, toKindName, toLetterNumber, Worker } from "../bus/index.ts";
import { InvalidInput } from "../domain/errors.ts";
import { type Metrics, SPAN, type Traces } from "../observe/index.ts";
import type { ErasedUsers } from "../privacy/erased-users.ts";
import { creditAll, insertEvents, type Store, toEventDocument, toStored } from "../store/index.ts";
import { Touchpoints } from "./touchpoints.ts";

/** What the role stands on. */
export type TrackOptions = {
  readonly bus: Bus;
  readonly store: Store;
  readonly metrics: Metrics;
  readonly traces: Traces;
  readonly log: Logger;
  readonly erased: Pick<ErasedUsers, "keepKnown">;
};

/** Messages, each of up to 500 events. */
const BATCH_MAX = 50;
/** Whoever watches hears of events as they pass; that they are stored a little later harms nobody. */
const LINGER_MS = 30;

/** Stores every event once. What state a delivery is in follows from them. */
export async function startTrack(options: TrackOptions): Promise<AsyncDisposable> {
  const { bus, log } = options;
  const touchpoints = new Touchpoints(options.store);
  return Worker.start({
    bus,
    log,
    stream: "TRACKING",
    name: "track",
    filterSubject: bus.subjects.all.track,
    batchMax: BATCH_MAX,
    lingerMs: LINGER_MS,
    parse: (message) => parseEvents(message.data),
    handle: async (batch) =>
      record(options, touchpoints, await options.erased.keepKnown(batch.flat(), (event) => event)),
  });
}

function parseEvents(data: Uint8Array): Event[] {
  let events: Event[];
  try {
    events = fromBinary(EventBatchSchema, data).events;
  } catch (error) {
    throw new InvalidInput([{ field: "message", description: `not an EventBatch: ${String(error)}` }]);
  }
  const bad = events.findIndex(
    (event) =>
      event.eventId === "" ||
      event.workspace === "" ||
      !event.eventId.startsWith(event.interventionId === "" ? "order:" : `${event.interventionId}:`) ||
      EventKind[event.kind] === undefined ||
      event.kind === EventKind.UNSPECIFIED,
  );
  if (bad >= 0)
    throw new InvalidInput([
      {
        field: `events[${bad}]`,
        description: "an event without workspace, kind or an id that begins with its intervention",
      },
    ]);
  return events;
}

async function record(options: TrackOptions, touchpoints: Touchpoints, given: readonly Event[]): Promise<void> {
  const { store, metrics, traces } = options;
  const { known: events, unknown } = await touchpoints.complete(given);
  for (const event of unknown) await buryUnknown(options, event);
  const spans = events.map((event) => traces.openSampled(SPAN.record, event.traceParent || undefined));
  const receivedAt = new Date();
  const once = [...new Map(events.map((event) => [event.eventId, event])).values()];
  const documents = once.map((event) => toStored(toEventDocument(event, receivedAt)));
  const repeated = await insertEvents(store, documents);
  await creditAll(store, documents);
  for (const { kind } of once) metrics.events.inc({ kind: toKindName(kind) });
  metrics.eventsRepeated.inc(repeated + events.length - once.length);
  for (const span of spans) span?.end();
}

/** A report of what was never decided, or of somebody else's: an operator may look at it. */
async function buryUnknown({ bus, log, metrics }: TrackOptions, event: Event): Promise<void> {
  const { eventId, interventionId, kind, workspace } = event;
  metrics.eventsUnknown.inc({ kind: toKindName(kind) });
  await bury(bus, {
    ...{ stream: "TRACKING", subject: bus.subjects.track(workspace, toKindName(kind)), headers: undefined },
    sequence: toLetterNumber(eventId),
    data: toBinary(EventBatchSchema, create(EventBatchSchema, { events: [event] })),
    ...{ reason: "malformed", attempts: 1 },
    error: "it reports of an intervention that was never decided for this user",
  });
  log.warn(
    { event: "event_unknown", interventionId, kind: toKindName(kind) },
    "a report of something unknown was buried",
  );
}
