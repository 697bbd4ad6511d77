import { AckPolicy, type ConsumerMessages, JetStreamApiError, type JsMsg } from "@nats-io/jetstream";
import { nanos } from "@nats-io/transport-node";
import type { Logger } from "pino";
import { InvalidInput, Unavailable } from "../domain/errors.ts";
import type { Bus } from "./connect-bus.ts";
import { bury } from "./dead-letters.ts";
import type { StreamName } from "./subjects.ts";
import { whenItAnswers } from "./when-it-answers.ts";
import { WorkerBuffer } from "./worker-buffer.ts";

/** What a worker does with which messages. */
export type WorkerOptions<T> = {
  readonly bus: Bus;
  readonly log: Logger;
  readonly stream: StreamName;
  /** Durable consumer: workers of one name share its messages. */
  readonly name: string;
  readonly filterSubject: string;
  /** Turns a body into what `handle` takes.
   *  @throws InvalidInput when it can never be handled: it goes to the dead letters at once. Unavailable when that can't be told
   *  yet: it is tried again. */
  readonly parse: (message: JsMsg) => T;
  /** Returns when the effect of the whole batch is durable, or when only its `rest` is not: then the next batch begins meanwhile, and
   *  the messages are acknowledged when the rest has resolved. Must be safe to repeat. */
  readonly handle: (batch: readonly T[]) => Promise<void> | Promise<Rest | undefined>;
  readonly batchMax: number;
  /** How many to take at the moment, up to `batchMax`. Default: as many as there are. */
  readonly takeMax?: () => number;
  /** Least time between two batches of a busy worker: a lone message does not wait, and a stream of small ones is handled in
   *  fewer, larger batches. Default: 0. */
  readonly lingerMs?: number;
  /** A batch that is handled for longer than this hangs: the worker keeps its messages from every other. Default: a minute, more
   *  than all the parts' own time-outs together. */
  readonly handleMaxMs?: number;
  /** What to do then. Default: throw, which ends the process; whoever keeps it running starts a sound one. */
  readonly onHang?: (error: Error) => void;
};

/** A message of which nothing is heard for this long goes to another worker: so long it is missing when a worker was killed. */
const ACK_WAIT_MS = 5_000;
/** Whoever still has it says so this often. */
const WORKING_MS = ACK_WAIT_MS / 4;
/** Bounds what one consumer hands out, and so what workers hold in memory. */
const ACK_PENDING_MAX = 5_000;
/** A message whose handling fails this often for its own reasons is buried. Parts that do not answer don't count. */
const ATTEMPTS_MAX = 5;
/** By default a consumer can stay blind for 30 s when its leader dies; these find out in two seconds. */
const PULL_EXPIRES_MS = 5_000;
const IDLE_HEARTBEAT_MS = 1_000;
const MISSED_HEARTBEATS_MAX = 2;
const RETRY_MS = 250;
const HANDLE_MAX_MS = 60_000;
const CONSUMER_EXISTS = 10148;

/** What of a batch's effect nobody waits for. */
export type Rest = { readonly rest: Promise<void> };

/** Messages in hand, and since when. */
type Batch = { readonly messages: readonly JsMsg[]; readonly sinceMs: number };

type Pending<T> = { readonly message: JsMsg; readonly value: T };

/** Takes messages off a stream in batches, as large as what came while the batch before was handled, of workspaces in turn. */
export class Worker<T> implements AsyncDisposable {
  readonly #options: WorkerOptions<T>;
  readonly #buffer: WorkerBuffer;
  #messages: ConsumerMessages | undefined;
  #isStopping = false;
  #work: Promise<void> = Promise.resolve();
  #isWorking = false;
  #tookAtMs = Number.NEGATIVE_INFINITY;
  /** What is being handled, and what waits for its rest. */
  readonly #inHand = new Set<Batch>();
  readonly #rests = new Set<Promise<void>>();
  #working: NodeJS.Timeout | undefined;
  #pulling: Promise<void> = Promise.resolve();

  private constructor(options: WorkerOptions<T>) {
    this.#options = options;
    const { subjects } = options.bus;
    this.#buffer = new WorkerBuffer((subject) => subjects.workspaceOf(subject));
  }

  /** Returns when the consumer exists and is being pulled.
   *  @throws Unavailable when JetStream does not answer. */
  static async start<T>(options: WorkerOptions<T>): Promise<Worker<T>> {
    const worker = new Worker(options);
    await whenItAnswers(() => worker.#open());
    worker.#pulling = worker.#keepPulling();
    worker.#working = setInterval(() => worker.#sayWorking(), WORKING_MS);
    return worker;
  }

  #sayWorking(): void {
    const { handleMaxMs = HANDLE_MAX_MS, name, onHang = throwIt } = this.#options;
    const inHand = [...this.#inHand];
    if (inHand.some(({ sinceMs }) => performance.now() - sinceMs > handleMaxMs)) {
      // No longer kept from others, whatever becomes of this process.
      clearInterval(this.#working);
      onHang(new Error(`${name} has handled one batch for more than ${handleMaxMs / 1_000} s`));
      return;
    }
    for (const message of [...this.#buffer, ...inHand.flatMap(({ messages }) => messages)]) message.working();
  }

  /** Stops pulling, finishes what is being handled and hands back the rest. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#messages?.stop();
    for (const message of this.#buffer.takeAll()) message.nak();
    await this.#work;
    await Promise.all(this.#rests);
    clearInterval(this.#working);
    await this.#pulling;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #open(): Promise<void> {
    const { bus, stream, name, filterSubject } = this.#options;
    const streamName = bus.subjects.stream(stream);
    const config = {
      durable_name: name,
      filter_subject: filterSubject,
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(ACK_WAIT_MS),
      max_ack_pending: ACK_PENDING_MAX,
      // The server never gives up by itself: it would leave the message in a work queue for ever, unseen.
      max_deliver: -1,
    };
    try {
      await bus.jsm.consumers.add(streamName, config);
    } catch (error) {
      // Made by an earlier version with other settings.
      if (!(error instanceof JetStreamApiError && error.code === CONSUMER_EXISTS)) throw error;
      await bus.jsm.consumers.update(streamName, name, config);
    }
    const consumer = await bus.js.consumers.get(streamName, name);
    this.#messages = await consumer.consume({
      max_messages: this.#options.batchMax * 2,
      expires: PULL_EXPIRES_MS,
      idle_heartbeat: IDLE_HEARTBEAT_MS,
      callback: (message) => {
        this.#buffer.push(message);
        this.#wake();
      },
    });
  }

  /** Opens the consumer again whenever it fell silent or is gone. */
  async #keepPulling(): Promise<void> {
    while (!this.#isStopping) {
      const messages = this.#messages;
      if (messages !== undefined) {
        await this.#untilBroken(messages);
        messages.stop();
      }
      if (this.#isStopping) return;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      try {
        await this.#open();
      } catch (error) {
        this.#messages = undefined;
        this.#options.log.warn(
          { event: "consumer_unavailable", consumer: this.#options.name, err: error },
          "the consumer can't be opened at the moment",
        );
      }
    }
  }

  async #untilBroken(messages: ConsumerMessages): Promise<void> {
    const status = (async () => {
      for await (const event of messages.status()) {
        const isSilent = event.type === "heartbeats_missed" && event.count >= MISSED_HEARTBEATS_MAX;
        if (
          isSilent ||
          event.type === "consumer_deleted" ||
          event.type === "consumer_not_found" ||
          event.type === "stream_not_found" ||
          event.type === "no_responders"
        ) {
          if (!this.#isStopping)
            this.#options.log.warn(
              { event: "consumer_reopened", consumer: this.#options.name, because: event.type },
              "the consumer fell silent and is opened again",
            );
          return;
        }
      }
    })();
    await Promise.race([status, messages.closed()]);
  }

  /** One batch at a time; what comes meanwhile forms the next. Two at once would be smaller ones, and cost more than they gain. */
  #wake(): void {
    if (this.#isWorking || this.#buffer.size === 0 || this.#isStopping) return;
    this.#isWorking = true;
    this.#work = this.#takeBatch().finally(() => {
      this.#isWorking = false;
      this.#wake();
    });
  }

  async #takeBatch(): Promise<void> {
    const lingerMs = this.#tookAtMs + (this.#options.lingerMs ?? 0) - performance.now();
    // Even without lingering, one turn of the loop lets the messages of one network read form a batch.
    await new Promise((resolve) => (lingerMs > 0 ? setTimeout(resolve, lingerMs) : setImmediate(resolve)));
    if (this.#isStopping) return;
    this.#tookAtMs = performance.now();
    const { batchMax, takeMax = () => batchMax } = this.#options;
    await this.#keepInHand(this.#buffer.take(Math.min(batchMax, takeMax())), (batch) => this.#handleBatch(batch));
  }

  async #keepInHand(messages: readonly JsMsg[], work: (messages: readonly JsMsg[]) => Promise<void>): Promise<void> {
    const batch = { messages, sinceMs: performance.now() };
    this.#inHand.add(batch);
    await work(messages);
    this.#inHand.delete(batch);
  }

  async #handleBatch(messages: readonly JsMsg[]): Promise<void> {
    const pending: Pending<T>[] = [];
    for (const message of messages) {
      try {
        pending.push({ message, value: this.#options.parse(message) });
      } catch (error) {
        if (error instanceof Unavailable) this.#putBack([message], error);
        else await this.#giveUp(message, error instanceof InvalidInput ? "malformed" : "failed", error);
      }
    }
    if (pending.length === 0) return;
    if ((await this.#tryHandle(pending)) || pending.length === 1) return;
    // One of them may be the cause: each alone, so that it does not hold up the others.
    for (const one of pending) await this.#tryHandle([one]);
  }

  /** @returns whether every message has been settled: acknowledged, handed back or buried. */
  async #tryHandle(pending: readonly Pending<T>[]): Promise<boolean> {
    try {
      const left = await this.#options.handle(pending.map(({ value }) => value));
      if (typeof left === "object") this.#settleLater(pending, left.rest);
      else for (const { message } of pending) message.ack();
      return true;
    } catch (error) {
      const { log, name } = this.#options;
      if (error instanceof Unavailable) {
        this.#putBack(
          pending.map(({ message }) => message),
          error,
        );
        return true;
      }
      const [only] = pending;
      if (pending.length > 1 || only === undefined) return false;
      if (only.message.info.deliveryCount >= ATTEMPTS_MAX) await this.#giveUp(only.message, "failed", error);
      else {
        log.error(
          { event: "message_failed", consumer: name, attempt: only.message.info.deliveryCount, err: error },
          "a message could not be handled and will be tried again",
        );
        only.message.nak(RETRY_MS * 2 ** only.message.info.deliveryCount);
      }
      return true;
    }
  }

  /** Whatever keeps the rest from being durable, handling the messages again is the way to it. */
  #settleLater(pending: readonly Pending<T>[], rest: Promise<void>): void {
    const messages = pending.map(({ message }) => message);
    const settling = this.#keepInHand(messages, async () => {
      try {
        await rest;
        for (const message of messages) message.ack();
      } catch (error) {
        this.#putBack(messages, error instanceof Unavailable ? error : new Unavailable("bus", { cause: error }));
      }
    }).finally(() => this.#rests.delete(settling));
    this.#rests.add(settling);
  }

  #putBack(messages: readonly JsMsg[], error: Unavailable): void {
    const { log, name } = this.#options;
    log.warn(
      { event: "batch_put_back", consumer: name, messages: messages.length, err: error },
      "a part does not answer: the messages will be tried again",
    );
    for (const message of messages) message.nak(error.retryAfterMs);
  }

  async #giveUp(message: JsMsg, reason: "malformed" | "failed", error: unknown): Promise<void> {
    const { bus, log, name, stream } = this.#options;
    try {
      await bury(bus, {
        stream,
        subject: message.subject,
        sequence: message.seq,
        data: message.data,
        headers: message.headers,
        reason,
        error,
        attempts: message.info.deliveryCount,
      });
      message.ack();
      log.error(
        { event: "message_buried", consumer: name, reason, sequence: message.seq, err: error },
        "a message went to the dead letters",
      );
    } catch (cause) {
      log.error(
        { event: "burial_failed", consumer: name, err: cause },
        "the dead letters can't be reached: the message will be tried again",
      );
      message.nak(RETRY_MS * 4);
    }
  }
}

function throwIt(error: Error): never {
  throw error;
}
