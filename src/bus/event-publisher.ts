import { toBinary } from "@bufbuild/protobuf";
import { type Event, EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import type { Bus } from "./connect-bus.ts";
import { PackedPublisher } from "./packed-publisher.ts";

/** Puts events on TRACKING, many of one workspace and kind in a message. Ids are made unique where events are stored, so a
 *  repeated message is harmless. */
export class EventPublisher {
  readonly #publisher: PackedPublisher;
  readonly #bus: Bus;

  /** @param options as of PackedPublisher. */
  constructor(bus: Bus, options: { readonly lingerMs?: number } = {}) {
    this.#bus = bus;
    this.#publisher = new PackedPublisher(bus, options);
  }

  /** Resolves when all are on disk.
   *  @throws Unavailable when some may not be; publishing them again is safe. */
  async publish(events: readonly Event[]): Promise<void> {
    const { subjects } = this.#bus;
    await this.#publisher.publish(
      events.map((event) => ({
        subject: subjects.track(event.workspace, toKindName(event.kind)),
        body: toBinary(EventSchema, event),
      })),
    );
  }

  /** Resolves when nothing waits any more. */
  drained(): Promise<void> {
    return this.#publisher.drained();
  }
}

/** The last part of an event id and of its subject, such as `displayed`. */
export function toKindName(kind: EventKind): string {
  return EventKind[kind].toLowerCase();
}
