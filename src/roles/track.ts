import { fromBinary } from "@bufbuild/protobuf";
import type { Logger } from "pino";
import { type Event, EventBatchSchema, EventKind } from "../../gen/intervention/v1/event_pb.js";
import { type Bus, toKindName, Worker } from "../bus/index.ts";
import { InvalidInput } from "../domain/errors.ts";
import { type Metrics, SPAN, type Traces } from "../observe/index.ts";
import type { ErasedUsers } from "../privacy/erased-users.ts";
import { insertEvents, type Store, toEventDocument } from "../store/index.ts";

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
  return Worker.start({
    bus,
    log,
    stream: "TRACKING",
    name: "track",
    filterSubject: bus.subjects.all.track,
    batchMax: BATCH_MAX,
    lingerMs: LINGER_MS,
    parse: (message) => parseEvents(message.data),
    handle: async (batch) => record(options, await options.erased.keepKnown(batch.flat(), (event) => event)),
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
      !event.eventId.startsWith(`${event.interventionId}:`) ||
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

async function record({ store, metrics, traces }: TrackOptions, events: readonly Event[]): Promise<void> {
  const spans = events.map((event) => traces.openSampled(SPAN.record, event.traceParent || undefined));
  const receivedAt = new Date();
  const once = [...new Map(events.map((event) => [event.eventId, event])).values()];
  const repeated = await insertEvents(
    store,
    once.map((event) => toEventDocument(event, receivedAt)),
  );
  for (const { kind } of once) metrics.events.inc({ kind: toKindName(kind) });
  metrics.eventsRepeated.inc(repeated + events.length - once.length);
  for (const span of spans) span?.end();
}
