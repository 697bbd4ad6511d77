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
  /** Until this resolves, too, a purchase is under way and its customer's next one waits. Default: until it is stored. */
  readonly until?: (purchase: Purchase) => Promise<void>;
  /** How many purchases are under way at once; the others wait. Default: 64. */
  readonly inFlightMax?: number;
};

/** What the stream has acknowledged. */
export type PipelineCounts = {
  purchases: number;
  good: number;
  duplicate: number;
  malformed: number;
  /** Messages that had to be sent once more. */
  repeated: number;
};

export type EventPipeline = AsyncDisposable & {
  /** When all is sent, or the pipeline was stopped. Rejects when the server refuses for good. */
  readonly done: Promise<PipelineCounts>;
  /** So far. */
  readonly counts: Readonly<PipelineCounts>;
  /** Ends after what is under way. */
  stop(): Promise<void>;
};

const inFlightMaxDefault = 64;
const ackMsMax = 5_000;
const retry = { attemptsMax: 60, waitMs: 500 };

/** Replays purchases as CloudEvents on `events.cart.{workspace}`, with the older NATS client, and stores every one: what gets no
 *  acknowledgement is sent again under the same message id. What one customer did goes out in its order, one purchase after the
 *  other. Makes the stream EVENTS when no stream has the subject. */
export async function startEventPipeline(options: EventPipelineOptions): Promise<EventPipeline> {
  const prefix = options.namespace === undefined || options.namespace === "" ? "" : `${options.namespace}.`;
  const nc = await connect({ servers: options.natsUrl, name: "sandbox event pipeline", maxReconnectAttempts: -1 });
  await ensureStream(nc, prefix);
  const js = nc.jetstream({ timeout: ackMsMax });
  const subject = `${prefix}events.cart.${options.workspace}`;
  const counts: PipelineCounts = { purchases: 0, good: 0, duplicate: 0, malformed: 0, repeated: 0 };
  const onRepeat = () => {
    counts.repeated += 1;
  };
  const stopping = new AbortController();
  const done = replay(options, stopping.signal, async (purchase, messages) => {
    // In order on the connection, and together on their way to it.
    const kinds = await Promise.all(
      messages.map(async (message) => {
        const strike = (await options.faults?.strikeMessage(() => stopping.signal.aborted)) ?? "none";
        if (strike === "error") return [];
        const sent: PipelineMessage = strike === "garbage" ? toGarbage(message) : message;
        await publish(js, subject, sent, onRepeat);
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
  options: EventPipelineOptions,
  signal: AbortSignal,
  store: (purchase: Purchase, messages: PipelineMessage[]) => Promise<void>,
): Promise<void> {
  const { purchases, rate, seed = 1, inFlightMax = inFlightMaxDefault, onSend, until, ...disturbances } = options;
  const startMs = performance.now();
  const inFlight = new Set<Promise<void>>();
  const customers = new Map<string, Customer>();
  let failure: unknown;
  for (const [i, purchase] of purchases.entries()) {
    const waitMs = rate === undefined ? 0 : startMs + (i / rate) * 1_000 - performance.now();
    if (waitMs > 1) await delay(waitMs, undefined, { signal }).catch(() => undefined);
    while (inFlight.size >= inFlightMax) await Promise.race(inFlight);
    if (signal.aborted || failure !== undefined) break;
    const customer = customers.get(purchase.customer) ?? { done: Promise.resolve(), nextMs: 0 };
    customers.set(purchase.customer, customer);
    const sending = customer.done.then(() => send(purchase, customer)).finally(() => inFlight.delete(sending));
    customer.done = sending;
    inFlight.add(sending);
  }
  await Promise.all(inFlight);
  if (failure !== undefined) throw failure;

  async function send(purchase: Purchase, customer: Customer): Promise<void> {
    if (signal.aborted || failure !== undefined) return;
    // No two events of a customer have the same time, so that there is no doubt about which is newer.
    const timeMs = Math.max(Date.now(), customer.nextMs);
    // Draws of its own for each, so that it does not matter when which goes out.
    const messages = toMessages(purchase, timeMs, seededRandom(seed + purchase.line), disturbances);
    customer.nextMs = timeMs + messages.length;
    onSend?.(purchase);
    try {
      await store(purchase, messages);
      await until?.(purchase);
    } catch (error) {
      failure ??= error;
    }
  }
}

/** Instead of the message, under another message id. */
function toGarbage(message: PipelineMessage): PipelineMessage {
  return { ...message, body: GARBAGE, messageId: `${message.messageId}-garbage`, kind: "malformed" };
}

/** When everything of a customer before is done, and the earliest time of his next event. */
type Customer = { done: Promise<void>; nextMs: number };

async function publish(
  js: JetStreamClient,
  subject: string,
  message: PipelineMessage,
  onRepeat: () => void,
): Promise<void> {
  const headers = createHeaders();
  for (const [name, value] of Object.entries(message.headers)) headers.set(name, value);
  for (let attempt = 1; ; attempt++) {
    try {
      await js.publish(subject, message.body, { headers, msgID: message.messageId });
      return;
    } catch (error) {
      if (attempt >= retry.attemptsMax) throw error;
      onRepeat();
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
