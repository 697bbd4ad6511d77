import { fromBinary } from "@bufbuild/protobuf";
import { type Event, EventBatchSchema } from "../../../gen/intervention/v1/event_pb.js";
import type { TestEngine } from "./gateway-fixture.ts";

/** A device's report that it has got an intervention. */
export const delivered = (interventionId: string, ref = "r") => ({ ref, kind: "EVENT_KIND_DELIVERED", interventionId });

/** Everything on TRACKING. */
export async function tracked({ parts: { bus } }: TestEngine): Promise<Event[]> {
  const events: Event[] = [];
  const { state } = await bus.jsm.streams.info(bus.subjects.stream("TRACKING"));
  for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq += 1) {
    const message = await bus.jsm.streams.getMessage(bus.subjects.stream("TRACKING"), { seq });
    if (message !== null) events.push(...fromBinary(EventBatchSchema, message.data).events);
  }
  return events;
}

/** The place a welcome or frame gives to come back to. */
export function resumeOf(welcome: Readonly<Record<string, unknown>>): { epoch: string; offset: string } {
  return { epoch: String(welcome.epoch), offset: String(welcome.offset ?? "0") };
}
