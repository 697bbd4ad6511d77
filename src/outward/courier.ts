import type { Logger } from "pino";
import type { Bus } from "../bus/index.ts";
import { toBackoffMs } from "../domain/outward/backoff.ts";
import { toCloudEvent } from "../domain/outward/to-cloud-event.ts";
import type { Metrics } from "../observe/index.ts";
import type { ErasedUsers } from "../privacy/erased-users.ts";
import {
  findWebhookDeliveries,
  type Store,
  toDeliveryId,
  updateWebhookEndpoint,
  type WebhookEndpointDocument,
} from "../store/index.ts";
import { DeliveryLog } from "./delivery-log.ts";
import { ACK_WAIT_MS } from "./endpoint-consumer.ts";
import { EndpointSource } from "./endpoint-source.ts";
import { type HeldMessage, toHeldMessage, type Waiting } from "./held-message.ts";
import { inLanes } from "./in-lanes.ts";
import type { Attempt } from "./post-webhook.ts";
import { sendEvent } from "./send-event.ts";

/** What couriers stand on. */
export type CourierOptions = {
  readonly bus: Bus;
  readonly store: Store;
  readonly log: Logger;
  readonly metrics: Pick<Metrics, "webhookAttempts">;
  readonly erased: Pick<ErasedUsers, "keepKnown">;
  readonly allowPrivate: boolean;
  /** An endpoint that has taken nothing for so long is paused. Default: five days. */
  readonly failingMsMax?: number;
  /** Default: as `toBackoffMs` says. */
  readonly backoffMs?: (failures: number, askedMs: number | undefined) => number;
  /** What an attempt may take. Default: 10 s. */
  readonly timeoutMs?: number;
};

const FAILING_MS_MAX = 5 * 86_400_000;
/** Messages in hand, each of up to 500 events. */
const HELD_MAX = 64;
const LANES_MAX = 8;
const POLL_MS = 1_000;
const RETRY_MS = 1_000;
const GONE = 410;

/** Brings one endpoint its events, at least once and those of one intervention in order. While it takes none, everything waits and only the oldest and the
 *  newest in hand are tried, ever more rarely. An event that is refused while others are taken is set aside: the broker hands it
 *  out again later, for more than a day, and the others do not wait for it. */
export class Courier {
  readonly #options: CourierOptions;
  readonly #endpoint: WebhookEndpointDocument;
  readonly #log: DeliveryLog;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  readonly #working: NodeJS.Timeout;
  #source: EndpointSource | undefined;
  #held: HeldMessage[] = [];
  #failures = 0;
  #failingSince: Date | undefined;

  constructor(options: CourierOptions, endpoint: WebhookEndpointDocument) {
    this.#options = options;
    this.#endpoint = endpoint;
    this.#log = new DeliveryLog(options, endpoint);
    this.#failingSince = endpoint.failingSince;
    this.#running = this.#run();
    this.#working = setInterval(() => {
      for (const { message } of this.#held) message.working();
      this.#source?.sayWorking();
    }, ACK_WAIT_MS / 4);
  }

  /** Finishes the attempts under way and hands the rest back. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    clearInterval(this.#working);
    for (const { message } of this.#held) message.nak();
  }

  /** Whether it has nothing to do any more: it was stopped, or has ended its endpoint. */
  get isEnded(): boolean {
    return this.#stop.signal.aborted;
  }

  async #run(): Promise<void> {
    while (!this.isEnded) {
      try {
        this.#source ??= await EndpointSource.open(this.#options.bus, this.#endpoint);
        await this.#take(this.#source);
        await this.#pass();
      } catch (error) {
        this.#source?.close();
        this.#source = undefined;
        this.#options.log.warn(
          { event: "webhook_courier_failed", endpointId: this.#endpoint._id, err: error },
          "events for an endpoint can't be taken or recorded at the moment and will be tried again",
        );
        await this.#pause(RETRY_MS);
      }
    }
    this.#source?.close();
  }

  /** While the endpoint takes nothing, one more is taken each time: it may be that only the oldest is refused. */
  async #take(source: EndpointSource): Promise<void> {
    const isFailing = this.#failures > 0;
    const room = HELD_MAX - this.#held.length;
    const messages = await source.take(isFailing ? Math.min(1, room) : room, {
      waitMs: this.#held.length > 0 ? 0 : POLL_MS,
      signal: this.#stop.signal,
    });
    const fresh = messages
      .map((message) => toHeldMessage(message) ?? message.ack())
      .filter((held) => held !== undefined);
    this.#held.push(...fresh);
    if (fresh.length === 0) return;
    const kept = new Set(
      await this.#options.erased.keepKnown(
        fresh.flatMap(({ waiting }) => waiting),
        ({ event }) => event,
      ),
    );
    for (const held of fresh) held.waiting = held.waiting.filter((one) => kept.has(one));
    await this.#dropDelivered(fresh);
  }

  /** Of messages that were handed out before, some events may have been delivered. */
  async #dropDelivered(fresh: readonly HeldMessage[]): Promise<void> {
    const again = fresh.filter(({ isAgain }) => isAgain);
    const idOf = ({ event }: Waiting) => toDeliveryId(this.#endpoint, event.eventId);
    const known = await findWebhookDeliveries(
      this.#options.store,
      again.flatMap(({ waiting }) => waiting.map(idOf)),
    );
    for (const held of again) held.waiting = held.waiting.filter((one) => !known.has(idOf(one)));
    this.#settle();
  }

  async #pass(): Promise<void> {
    if (this.#held.length === 0 || this.isEnded) return;
    const all = this.#held.flatMap(({ waiting }) => waiting);
    const first = this.#failures > 0 ? toProbes(all) : all;
    const attempts = await this.#attempt(first);
    if (this.#failures > 0 && attempts.some(([, { isDelivered }]) => isDelivered))
      attempts.push(...(await this.#attempt(all.filter((one) => !first.includes(one)))));
    const settled = await this.#log.record(attempts);
    for (const held of this.#held) held.waiting = held.waiting.filter((one) => !settled.has(one));
    this.#settle();
    await this.#judge(attempts.map(([, attempt]) => attempt));
  }

  async #attempt(waiting: readonly Waiting[]): Promise<[Waiting, Attempt][]> {
    const { allowPrivate, timeoutMs } = this.#options;
    const attempts: [Waiting, Attempt][] = [];
    await inLanes(waiting, {
      laneOf: ({ event }) => event.interventionId,
      lanesMax: LANES_MAX,
      // Asked to wait, or told that it is gone: the others need not ask as well.
      isOver: () =>
        this.isEnded || attempts.some(([, { retryAfterMs, status }]) => retryAfterMs !== undefined || status === GONE),
      run: async (one) => {
        const attempt = await sendEvent(this.#endpoint, toCloudEvent(one.event, one.receivedAt), {
          allowPrivate,
          ...(timeoutMs === undefined ? {} : { timeoutMs }),
        });
        attempts.push([one, attempt]);
        return attempt.isDelivered;
      },
    });
    return attempts;
  }

  #settle(): void {
    for (const { message } of this.#held.filter(({ waiting }) => waiting.length === 0)) message.ack();
    this.#held = this.#held.filter(({ waiting }) => waiting.length > 0);
  }

  async #judge(attempts: readonly Attempt[]): Promise<void> {
    if (attempts.length === 0) return;
    if (attempts.some(({ status }) => status === GONE)) return this.#end("disabled", "the endpoint answered 410 Gone");
    const asked = attempts.map(({ retryAfterMs }) => retryAfterMs).filter((ms) => ms !== undefined);
    const isTaking = attempts.some(({ isDelivered }) => isDelivered);
    if (isTaking) await this.#succeed();
    if (isTaking && asked.length === 0) return this.#setAside();
    if (attempts.every(({ isDelivered }) => isDelivered)) return;
    if (!isTaking) await this.#fail();
    this.#failures += 1;
    await this.#pause(this.#toWaitMs(this.#failures, asked.length === 0 ? undefined : Math.max(...asked)));
  }

  async #succeed(): Promise<void> {
    this.#failures = 0;
    if (this.#failingSince === undefined) return;
    this.#failingSince = undefined;
    await updateWebhookEndpoint(this.#options.store, this.#endpoint._id, {}, { clearFailing: true });
  }

  async #fail(): Promise<void> {
    const now = new Date();
    if (this.#failingSince === undefined) {
      this.#failingSince = now;
      await updateWebhookEndpoint(this.#options.store, this.#endpoint._id, { failingSince: now });
    }
    const { failingMsMax = FAILING_MS_MAX } = this.#options;
    if (now.getTime() - this.#failingSince.getTime() >= failingMsMax)
      await this.#end("paused", `nothing could be delivered since ${this.#failingSince.toISOString()}`);
  }

  async #end(state: "paused" | "disabled", reason: string): Promise<void> {
    await updateWebhookEndpoint(this.#options.store, this.#endpoint._id, { state, reason });
    this.#options.log.warn(
      { event: "webhook_ended", endpointId: this.#endpoint._id, state, reason },
      "an endpoint gets no more events until somebody resumes it",
    );
    this.#stop.abort();
  }

  /** What others of its time were not refused. */
  #setAside(): void {
    for (const { message } of this.#held) message.nak(this.#toWaitMs(message.info.deliveryCount, undefined));
    this.#held = [];
  }

  #toWaitMs(failures: number, askedMs: number | undefined): number {
    return this.#options.backoffMs?.(failures, askedMs) ?? toBackoffMs({ failures, askedMs, random: Math.random() });
  }

  async #pause(ms: number): Promise<void> {
    if (this.isEnded) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#stop.signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#stop.signal.addEventListener("abort", done, { once: true });
    });
  }
}

/** The oldest, and the newest that no other of its intervention stands before. */
function toProbes(waiting: readonly Waiting[]): Waiting[] {
  const firsts = [...Map.groupBy(waiting, ({ event }) => event.interventionId).values()].flatMap((lane) =>
    lane.slice(0, 1),
  );
  return [...new Set([...firsts.slice(0, 1), ...firsts.slice(-1)])];
}
