import { fromBinary } from "@bufbuild/protobuf";
import type { JsMsg } from "@nats-io/jetstream";
import { type Event, EventBatchSchema } from "../../gen/intervention/v1/event_pb.js";
import { REPUBLISHED } from "../bus/index.ts";

/** One event that an endpoint has not taken yet. */
export type Waiting = {
  readonly event: Event;
  readonly receivedAt: Date;
  /** 1 for the first. */
  attempt: number;
};

/** A message that a courier has in hand, with what is left of it to deliver. */
export type HeldMessage = {
  readonly message: JsMsg;
  /** Whether some of its events may have been delivered before. */
  readonly isAgain: boolean;
  waiting: Waiting[];
};

/** @returns undefined for what is no batch of events: the recorder buries such a message where an operator sees it. */
export function toHeldMessage(message: JsMsg): HeldMessage | undefined {
  try {
    const { events } = fromBinary(EventBatchSchema, message.data);
    const receivedAt = message.time;
    const once = new Map(events.map((event) => [event.eventId, event]));
    const attempt = message.info.deliveryCount;
    const isAgain = attempt > 1 || message.headers?.has(REPUBLISHED) === true;
    return { message, isAgain, waiting: [...once.values()].map((event) => ({ event, receivedAt, attempt })) };
  } catch {
    return undefined;
  }
}
