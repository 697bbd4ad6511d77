import { create, toBinary } from "@bufbuild/protobuf";
import { type Event, EventBatchSchema, EventKind } from "../../gen/intervention/v1/event_pb.js";
import { BatchPublisher } from "./batch-publisher.ts";
import type { Bus } from "./connect-bus.ts";

/** Keeps a message far below the server's bound of 1 MiB. */
const EVENTS_PER_MESSAGE_MAX = 500;

type Waiting = { readonly event: Event; readonly resolve: () => void; readonly reject: (error: Error) => void };

/** Puts events on TRACKING. One message carries many events of one workspace and kind: a message each would cost more than
 *  all else that is done for an intervention. Ids are made unique where events are stored, so a repeated message is harmless. */
export class EventPublisher {
  readonly #publisher: BatchPublisher;
  readonly #bus: Bus;
  #waiting: Waiting[] = [];
  #isScheduled = false;
  #flushes = 0;

  constructor(bus: Bus) {
    this.#bus = bus;
    this.#publisher = new BatchPublisher(bus);
  }

  /** Resolves when all are on disk.
   *  @throws Unavailable when some may not be; publishing them again is safe. */
  async publish(events: readonly Event[]): Promise<void> {
    await Promise.all(
      events.map(
        (event) =>
          new Promise<void>((resolve, reject) => {
            this.#waiting.push({ event, resolve, reject });
            this.#schedule();
          }),
      ),
    );
  }

  /** Resolves when nothing waits any more. */
  async drained(): Promise<void> {
    while (this.#waiting.length > 0 || this.#flushes > 0) {
      await new Promise((resolve) => setImmediate(resolve));
      await this.#publisher.drained();
    }
  }

  /** While one flush is being synced the next one fills: events of many callers share messages under load. */
  #schedule(): void {
    if (this.#isScheduled || this.#flushes > 0) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    this.#flushes += 1;
    const groups = Map.groupBy(waiting, ({ event }) =>
      this.#bus.subjects.track(event.workspace, toKindName(event.kind)),
    );
    await Promise.all(
      [...groups].flatMap(([subject, group]) => chunks(group).map((chunk) => this.#publishChunk(subject, chunk))),
    );
    this.#flushes -= 1;
    this.#schedule();
  }

  async #publishChunk(subject: string, chunk: readonly Waiting[]): Promise<void> {
    const data = toBinary(EventBatchSchema, create(EventBatchSchema, { events: chunk.map(({ event }) => event) }));
    try {
      await this.#publisher.publish({ subject, data });
      for (const { resolve } of chunk) resolve();
    } catch (error) {
      for (const { reject } of chunk) reject(error instanceof Error ? error : new Error(String(error)));
    }
  }
}

/** The last part of an event id and of its subject, such as `displayed`. */
export function toKindName(kind: EventKind): string {
  return EventKind[kind].toLowerCase();
}

function chunks<T>(items: readonly T[]): T[][] {
  const result: T[][] = [];
  for (let i = 0; i < items.length; i += EVENTS_PER_MESSAGE_MAX)
    result.push(items.slice(i, i + EVENTS_PER_MESSAGE_MAX));
  return result;
}
