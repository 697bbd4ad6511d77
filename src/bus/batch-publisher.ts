import { headers as createHeaders, type MsgHdrs, nuid } from "@nats-io/transport-node";
import { Unavailable } from "../domain/errors.ts";
import type { Bus } from "./connect-bus.ts";

/** One message for a stream. */
export type OutgoingMessage = {
  readonly subject: string;
  readonly data: Uint8Array;
  /** `Nats-Msg-Id`: the broker stores it once within its window. */
  readonly messageId?: string;
  readonly headers?: Readonly<Record<string, string>>;
};

/** The server's bound on messages of one atomic batch. */
const BATCH_MESSAGES_MAX = 1_000;
/** An atomic batch costs the broker some files and syncs of its own; for fewer messages than this, a sync each is quicker. */
const ATOMIC_MESSAGES_MIN = 10;
/** Keeps a batch from holding the connection for long. */
const BATCH_BYTES_MAX = 4 * 1_048_576;
/** Two overlap sending with syncing; more would only split the same messages into smaller batches. */
const BATCHES_IN_FLIGHT_MAX = 2;
/** What waits here at most; beyond it callers are refused, so that memory stays bounded when the bus is down. */
const QUEUE_MAX = 50_000;
const ACK_TIMEOUT_MS = 5_000;

type Waiting = {
  readonly message: OutgoingMessage;
  readonly resolve: (sequence: number) => void;
  readonly reject: (error: Error) => void;
};

/** Publishes to one stream with group commit: a lone message goes at once, and whatever comes while a sync is under way
 *  shares the next one as an atomic batch (NATS ADR-50). A promise resolves when its message is on disk, with the sequence up to
 *  which the stream then has it: of an atomic batch, that of its last message. */
export class BatchPublisher {
  readonly #bus: Bus;
  readonly #queue: Waiting[] = [];
  readonly #atomicMin: number;
  #inFlight = 0;
  #idle: (() => void)[] = [];

  /** @param options.isAtomic whether the stream takes atomic batches. Default: true. */
  constructor(bus: Bus, options: { readonly isAtomic?: boolean } = {}) {
    this.#bus = bus;
    this.#atomicMin = options.isAtomic === false ? Number.POSITIVE_INFINITY : ATOMIC_MESSAGES_MIN;
  }

  /** Messages not on disk yet. */
  get depth(): number {
    return this.#queue.length + this.#inFlight;
  }

  /** @throws Unavailable when the message may not be stored; publishing it again with the same id is safe. */
  publish(message: OutgoingMessage): Promise<number> {
    if (this.#queue.length >= QUEUE_MAX)
      return Promise.reject(
        new Unavailable("bus", { cause: new Error(`${QUEUE_MAX} messages wait to be published`), retryAfterMs: 1_000 }),
      );
    return new Promise((resolve, reject) => {
      this.#queue.push({ message, resolve, reject });
      // Waiting for the end of the tick lets the messages of one call share a batch and costs a lone one nothing.
      if (this.#queue.length === 1) queueMicrotask(() => this.#pump());
    });
  }

  /** Publishes several, of which some may be stored and some not when it throws. */
  async publishAll(messages: readonly OutgoingMessage[]): Promise<void> {
    await Promise.all(messages.map((message) => this.publish(message)));
  }

  /** Resolves when nothing waits any more. */
  async drained(): Promise<void> {
    if (this.depth > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #pump(): void {
    while (this.#queue.length > 0 && this.#inFlight < BATCHES_IN_FLIGHT_MAX) {
      const batch = this.#take();
      this.#inFlight += 1;
      void this.#send(batch).finally(() => {
        this.#inFlight -= 1;
        if (this.depth === 0) for (const resolve of this.#idle.splice(0)) resolve();
        this.#pump();
      });
    }
  }

  #take(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { message } of this.#queue) {
      bytes += message.data.length;
      if (count === BATCH_MESSAGES_MAX || (count > 0 && bytes > BATCH_BYTES_MAX)) break;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  /** Never rejects: every waiting caller gets his own answer. */
  async #send(batch: readonly Waiting[]): Promise<void> {
    const sequence = batch.length >= this.#atomicMin ? await this.#sendAtomically(batch) : undefined;
    if (sequence !== undefined) {
      for (const { resolve } of batch) resolve(sequence);
      return;
    }
    // One duplicate id refuses a whole batch, and after a time-out nobody knows whether it was stored. Singly each gets a clear
    // answer: what was stored already is answered as a duplicate.
    await Promise.all(batch.map((waiting) => this.#sendSingly(waiting)));
  }

  async #sendSingly({ message, resolve, reject }: Waiting): Promise<void> {
    try {
      const headers = toHeaders(message);
      const { seq } = await this.#bus.js.publish(message.subject, message.data, {
        timeout: ACK_TIMEOUT_MS,
        ...(headers === undefined ? {} : { headers }),
      });
      resolve(seq);
    } catch (error) {
      reject(new Unavailable("bus", { cause: error }));
    }
  }

  /** @returns the sequence of the last when all of them are on disk; undefined leaves it open. */
  async #sendAtomically(batch: readonly Waiting[]): Promise<number | undefined> {
    const { nc } = this.#bus;
    const id = nuid.next();
    try {
      for (const [index, { message }] of batch.entries()) {
        const headers = toHeaders(message) ?? createHeaders();
        headers.set("Nats-Batch-Id", id);
        headers.set("Nats-Batch-Sequence", String(index + 1));
        if (index < batch.length - 1) {
          nc.publish(message.subject, message.data, { headers });
          continue;
        }
        headers.set("Nats-Batch-Commit", "1");
        const reply = await nc.request(message.subject, message.data, { headers, timeout: ACK_TIMEOUT_MS });
        const ack = reply.json<{ error?: unknown; batch?: string; count?: number; seq?: number }>();
        return ack.error === undefined && ack.batch === id && ack.count === batch.length ? ack.seq : undefined;
      }
    } catch {
      // Not swallowed: the caller resends singly, and a message that fails then too carries its cause.
    }
    return undefined;
  }
}

/** Publishes to REALTIME: written asynchronously, that stream takes no atomic batches, and needs none. */
export function createRealtimePublisher(bus: Bus): BatchPublisher {
  return new BatchPublisher(bus, { isAtomic: !bus.isHistoryAsync });
}

function toHeaders(message: OutgoingMessage): MsgHdrs | undefined {
  if (message.messageId === undefined && message.headers === undefined) return undefined;
  const headers = createHeaders();
  if (message.messageId !== undefined) headers.set("Nats-Msg-Id", message.messageId);
  for (const [name, value] of Object.entries(message.headers ?? {})) headers.set(name, value);
  return headers;
}
