import { setTimeout as delay } from "node:timers/promises";
import { connect, headers as createHeaders, type JetStreamClient, type NatsConnection } from "nats";
import type { Purchase } from "../../../bench/cdnow.ts";
import { seededRandom } from "../../../bench/random.ts";
import { type Faults, GARBAGE } from "../faults/faults.ts";
import { type Disturbances, type PipelineMessage, toMessages } from "./to-messages.ts";

export type EventPipelineOptions = Disturbances & {
  readonly natsUrl: string;
  readonly workspace: string;
  /** In the order of their dates, each with everything its customer did. */
  readonly purchases: readonly Purchase[];
  /** Purchases a second. Default: as fast as the server takes them. */
  readonly rate?: number;
  /** Default: 1. */
  readonly seed?: number;
  /** Prefix of stream and subjects, as the engine's setting NAMESPACE. Default: none. */
  readonly namespace?: string;
  /** How badly it behaves. Default: well. */
  readonly faults?: Faults;
  /** After all messages of a purchase are stored. */
  readonly onSent?: (purchase: Purchase) => void;
  /** Just before the first message of a purchase goes out. */
  readonly onSend?: (purchase: Purchase) => void;
};

/** What the stream has acknowledged. */
export type PipelineCounts = { purchases: number; good: number; duplicate: number; malformed: number };

export type EventPipeline = AsyncDisposable & {
  /** When all is sent, or the pipeline was stopped. Rejects when the server refuses for good. */
  readonly done: Promise<PipelineCounts>;
  /** So far. */
  readonly counts: Readonly<PipelineCounts>;
  /** Ends after what is under way. */
  stop(): Promise<void>;
};

const inFlightMax = 64;
const ackMsMax = 5_000;
const retry = { attemptsMax: 60, waitMs: 500 };

/** Replays purchases as CloudEvents on `events.cart.{workspace}`, with the older NATS client, and stores every one: what gets no
 *  acknowledgement is sent again under the same message id. Makes the stream EVENTS when no stream has the subject. */
export async function startEventPipeline(options: EventPipelineOptions): Promise<EventPipeline> {
  const prefix = options.namespace === undefined || options.namespace === "" ? "" : `${options.namespace}.`;
  const nc = await connect({ servers: options.natsUrl, name: "sandbox event pipeline", maxReconnectAttempts: -1 });
  await ensureStream(nc, prefix);
  const js = nc.jetstream({ timeout: ackMsMax });
  const subject = `${prefix}events.cart.${options.workspace}`;
  const counts: PipelineCounts = { purchases: 0, good: 0, duplicate: 0, malformed: 0 };
  const stopping = new AbortController();
  const done = replay(options, stopping.signal, async (purchase, messages) => {
    // In order on the connection, and together on their way to it.
    const kinds = await Promise.all(
      messages.map(async (message) => {
        const strike = (await options.faults?.strikeMessage(() => stopping.signal.aborted)) ?? "none";
        if (strike === "error") return [];
        const sent: PipelineMessage = strike === "garbage" ? toGarbage(message) : message;
        await publish(js, subject, sent);
        return [sent.kind];
      }),
    );
    for (const kind of kinds.flat()) counts[kind] += 1;
    counts.purchases += 1;
    options.onSent?.(purchase);
  }).then(() => counts);
  // Who does not wait for the end hears of a failure when he stops.
  done.catch(() => undefined);
  async function stop(): Promise<void> {
    stopping.abort();
    try {
      await done;
    } finally {
      await nc.close();
    }
  }
  return { done, counts, stop, [Symbol.asyncDispose]: stop };
}

async function replay(
  { purchases, rate, seed = 1, onSend, ...disturbances }: EventPipelineOptions,
  signal: AbortSignal,
  send: (purchase: Purchase, messages: PipelineMessage[]) => Promise<void>,
): Promise<void> {
  const random = seededRandom(seed);
  const startMs = performance.now();
  const inFlight = new Set<Promise<void>>();
  let timeMs = 0;
  let failure: unknown;
  for (const [i, purchase] of purchases.entries()) {
    const waitMs = rate === undefined ? 0 : startMs + (i / rate) * 1_000 - performance.now();
    if (waitMs > 1) await delay(waitMs, undefined, { signal }).catch(() => undefined);
    while (inFlight.size >= inFlightMax) await Promise.race(inFlight);
    if (signal.aborted || failure !== undefined) break;
    // No two events of the replay have the same time, so that there is no doubt about which of a shopper's is newer.
    timeMs = Math.max(Date.now(), timeMs);
    const messages = toMessages(purchase, timeMs, random, disturbances);
    timeMs += messages.length;
    onSend?.(purchase);
    const sending = send(purchase, messages)
      .catch((error: unknown) => {
        failure ??= error;
      })
      .finally(() => inFlight.delete(sending));
    inFlight.add(sending);
  }
  await Promise.all(inFlight);
  if (failure !== undefined) throw failure;
}

/** Instead of the message, under another message id. */
function toGarbage(message: PipelineMessage): PipelineMessage {
  return { ...message, body: GARBAGE, messageId: `${message.messageId}-garbage`, kind: "malformed" };
}

async function publish(js: JetStreamClient, subject: string, message: PipelineMessage): Promise<void> {
  const headers = createHeaders();
  for (const [name, value] of Object.entries(message.headers)) headers.set(name, value);
  for (let attempt = 1; ; attempt++) {
    try {
      await js.publish(subject, message.body, { headers, msgID: message.messageId });
      return;
    } catch (error) {
      if (attempt >= retry.attemptsMax) throw error;
      await delay(retry.waitMs);
    }
  }
}

async function ensureStream(nc: NatsConnection, prefix: string): Promise<void> {
  const jsm = await nc.jetstreamManager({ timeout: ackMsMax });
  const subjects = `${prefix}events.cart.>`;
  for await (const _ of jsm.streams.names(subjects)) return;
  try {
    await jsm.streams.add({ name: `${prefix.replace(".", "_")}EVENTS`, subjects: [subjects] });
  } catch (error) {
    // The engine, which makes it too, was first.
    if (!(error instanceof Error && error.message.includes("already in use"))) throw error;
  }
}
