import { setTimeout as delay } from "node:timers/promises";
import { type ConsumerInfo, JetStreamApiError } from "@nats-io/jetstream";
import type { Bus } from "./connect-bus.ts";
import type { StreamName } from "./subjects.ts";

/** The consumers that together take every message of a stream. */
export type Consumers = { readonly stream: StreamName; readonly names: readonly string[] };

const CONSUMER_NOT_FOUND = 10014;
/** A consumer counts a message as pending some time after its publisher has been told that it is stored: some microseconds, but on a
 *  machine that is short of processor it was seen to say that nothing waits while something did. */
const COUNTED_AFTER_MS = 250;

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
  await delay(COUNTED_AFTER_MS);
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
export async function findOldestWaitingMs(bus: Bus, { stream, names }: Consumers): Promise<number> {
  const oldest = names.map(async (name) => {
    const info = await findConsumer(bus, stream, name);
    // Nobody takes these yet: the oldest of any kind will do.
    if (info === undefined) return findStoredMs(bus, stream, { from: 1, subject: ">" });
    return findOldestOfMs(bus, stream, info);
  });
  return Math.min(...(await Promise.all(oldest)));
}

/** When the oldest message that one consumer still has to acknowledge was stored, ms; Infinity when there is none. */
export async function findOldestOfMs(bus: Bus, stream: StreamName, info: ConsumerInfo): Promise<number> {
  if (info.num_pending + info.num_ack_pending === 0) return Number.POSITIVE_INFINITY;
  // Everything of its own up to the floor is acknowledged, and the first after it is not, or the floor would lie higher. The floor
  // is 0 until the first acknowledgement, which is why it is not simply the message after it.
  return findStoredMs(bus, stream, {
    from: info.ack_floor.stream_seq + 1,
    subject: info.config.filter_subject ?? ">",
  });
}

/** When the first message of a subject from a sequence on was stored, ms; Infinity when there is none that can be read. */
async function findStoredMs(bus: Bus, stream: StreamName, first: { from: number; subject: string }): Promise<number> {
  const query = { seq: first.from, next_by_subj: first.subject };
  // Of the leader: a stream of the platform may not let its copies be read.
  const message = await bus.jsm.streams.getMessage(bus.subjects.stream(stream), query);
  return message === null ? Number.POSITIVE_INFINITY : message.time.getTime();
}
