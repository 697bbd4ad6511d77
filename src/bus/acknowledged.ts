import { type ConsumerInfo, JetStreamApiError } from "@nats-io/jetstream";
import type { Bus } from "./connect-bus.ts";
import type { StreamName } from "./subjects.ts";

/** The consumers that together take every message of a stream. */
export type Consumers = { readonly stream: StreamName; readonly names: readonly string[] };

const CONSUMER_NOT_FOUND = 10014;
const MESSAGE_NOT_FOUND = 10037;

/** What a consumer has before it; undefined when nobody has made it yet. */
export async function findConsumer(bus: Bus, stream: StreamName, name: string): Promise<ConsumerInfo | undefined> {
  try {
    return await bus.jsm.consumers.info(bus.subjects.stream(stream), name);
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === CONSUMER_NOT_FOUND) return undefined;
    throw error;
  }
}

/** Up to which sequence every message is acknowledged by whoever takes it. */
async function findAckFloor(bus: Bus, { stream, names }: Consumers): Promise<number> {
  // Looked up first: what comes later is not covered by "nothing is pending".
  const { last_seq: last } = (await bus.jsm.streams.info(bus.subjects.stream(stream))).state;
  const floors = await Promise.all(
    names.map(async (name) => {
      const info = await findConsumer(bus, stream, name);
      if (info === undefined) return 0;
      return info.num_pending + info.num_ack_pending === 0 ? last : info.ack_floor.stream_seq;
    }),
  );
  return Math.min(last, ...floors);
}

/** Removes what every consumer has acknowledged, in one go. */
export async function trimAcknowledged(bus: Bus, consumers: Consumers): Promise<void> {
  const floor = await findAckFloor(bus, consumers);
  if (floor > 0) await bus.jsm.streams.purge(bus.subjects.stream(consumers.stream), { seq: floor + 1 });
}

/** When the oldest message that somebody still has to acknowledge was stored, ms; Infinity when there is none. */
export async function findOldestWaitingMs(bus: Bus, consumers: Consumers): Promise<number> {
  const floor = await findAckFloor(bus, consumers);
  const name = bus.subjects.stream(consumers.stream);
  const { state } = await bus.jsm.streams.info(name);
  const seq = Math.max(floor + 1, state.first_seq);
  if (seq > state.last_seq) return Number.POSITIVE_INFINITY;
  try {
    const message = await bus.jsm.streams.getMessage(name, { seq });
    return message === null ? Date.parse(state.first_ts) : message.time.getTime();
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === MESSAGE_NOT_FOUND) return Date.parse(state.first_ts);
    throw error;
  }
}
