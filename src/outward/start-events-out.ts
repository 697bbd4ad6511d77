import { fromBinary } from "@bufbuild/protobuf";
import type { MsgHdrs } from "@nats-io/transport-node";
import type { Logger } from "pino";
import { type Event, EventBatchSchema } from "../../gen/intervention/v1/event_pb.js";
import { BatchPublisher, type Bus, REPUBLISHED, REPUBLISHED_AFTER_OUT, toKindName, Worker } from "../bus/index.ts";
import { InvalidInput } from "../domain/errors.ts";
import { toCloudEvent } from "../domain/outward/to-cloud-event.ts";
import type { ErasedUsers } from "../privacy/erased-users.ts";

const BATCH_MAX = 20;
/** Gathers what comes within this time into one atomic batch: nobody decides by these events. */
const LINGER_MS = 100;
/** Structured mode of the CloudEvents binding for NATS: clients without headers can read it as well. */
const CONTENT_TYPE = "application/cloudevents+json";

/** Publishes tracked events of some kinds as CloudEvents on `events.out.{workspace}.{kind}`, each id once.
 *  @param options.kinds names of kinds. */
export function startEventsOut(options: {
  readonly bus: Bus;
  readonly log: Logger;
  readonly erased: Pick<ErasedUsers, "keepKnown">;
  readonly kinds: ReadonlySet<string>;
}): Promise<AsyncDisposable> {
  const { bus, log, erased, kinds } = options;
  const publisher = new BatchPublisher(bus);
  return Worker.start({
    bus,
    log,
    stream: "TRACKING",
    name: "events-out",
    filterSubject: bus.subjects.all.track,
    batchMax: BATCH_MAX,
    lingerMs: LINGER_MS,
    parse: ({ data, headers, time }) => ({
      events: hasLeft(headers) ? [] : parseEvents(data).filter(({ kind }) => kinds.has(toKindName(kind))),
      time,
    }),
    handle: async (batch) => {
      const all = batch.flatMap(({ events, time }) => events.map((event) => ({ event, time })));
      const messages = (await erased.keepKnown(all, ({ event }) => event)).map(({ event, time }) => ({
        subject: bus.subjects.eventsOut(event.workspace, toKindName(event.kind)),
        data: new TextEncoder().encode(JSON.stringify(toCloudEvent(event, time))),
        messageId: `${event.workspace}/${event.eventId}`,
        headers: { "content-type": CONTENT_TYPE },
      }));
      await publisher.publishAll([...new Map(messages.map((message) => [message.messageId, message])).values()]);
    },
  });
}

const hasLeft = (headers: MsgHdrs | undefined) => headers?.get(REPUBLISHED) === REPUBLISHED_AFTER_OUT;

/** What is no batch of events is buried here too, as the same letter that the recorder writes. */
function parseEvents(data: Uint8Array): Event[] {
  try {
    return fromBinary(EventBatchSchema, data).events;
  } catch (error) {
    throw new InvalidInput([{ field: "message", description: `not an EventBatch: ${String(error)}` }]);
  }
}
