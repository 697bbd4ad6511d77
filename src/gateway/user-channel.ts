import type { Msg, Subscription } from "@nats-io/transport-node";
import type { Logger } from "pino";
import type { Bus } from "../bus/index.ts";
import { SPAN, type Traces } from "../observe/index.ts";
import { coalesce } from "./coalesce.ts";
import type { GatewayMetrics } from "./gateway-metrics.ts";
import type { History } from "./history.ts";
import { HistoryFrame } from "./outgoing-frame.ts";

/** Whoever gets a user's messages, each once and in order. */
export type Listener = { readonly deliver: (frame: HistoryFrame) => void };

/** Where a user's messages are. */
export type UserAddress = { readonly workspaceId: string; readonly userToken: string };

type Shared = {
  readonly bus: Bus;
  readonly history: History;
  readonly log: Logger;
  readonly metrics: GatewayMetrics;
  readonly traces?: Traces | undefined;
};

const CATCH_UP_RETRY_MS = 500;

/** The messages of one user, live, for all his sockets at this gateway by one subscription.
 *
 *  The broker republishes what REALTIME has stored with its sequence and with the sequence before it on the same subject.
 *  A message whose predecessor was not seen here means that some were missed (a broken connection, a full buffer): the
 *  channel then holds what comes, reads the missing ones from the history, and goes on. So listeners see no gap. */
export class UserChannel {
  readonly #shared: Shared;
  readonly #subject: string;
  readonly #subscription: Subscription;
  readonly #listeners = new Set<Listener>();
  #position: number;
  /** Messages that came while the history is read; undefined when none is. */
  #held: { readonly frame: HistoryFrame; readonly previous: number }[] | undefined;
  #isClosed = false;

  constructor(shared: Shared, address: UserAddress, position: number) {
    this.#shared = shared;
    this.#position = position;
    this.#subject = shared.bus.subjects.realtime(address.workspaceId, address.userToken);
    this.#subscription = shared.bus.nc.subscribe(shared.bus.subjects.live(address.workspaceId, address.userToken), {
      callback: (error, message) => this.#hear(error, message),
    });
  }

  /** The user's subject on REALTIME. */
  get subject(): string {
    return this.#subject;
  }

  /** Every message after this sequence is delivered to who listens now; those up to it are not. */
  get position(): number {
    return this.#position;
  }

  get isUsed(): boolean {
    return this.#listeners.size > 0;
  }

  add(listener: Listener): void {
    this.#listeners.add(listener);
  }

  remove(listener: Listener): void {
    this.#listeners.delete(listener);
  }

  close(): void {
    this.#isClosed = true;
    this.#subscription.unsubscribe();
  }

  /** Looks for messages that were missed. */
  catchUp(): void {
    if (this.#held !== undefined || this.#isClosed) return;
    this.#held = [];
    this.#shared.metrics.caughtUp();
    void this.#readMissed();
  }

  #hear(error: Error | null, message: Msg): void {
    if (error !== null) {
      this.#shared.log.error(
        { event: "live_subscription_failed", err: error },
        "a live subscription failed: what is sent comes from the history at the next reconnect",
      );
      return;
    }
    const sequence = Number(message.headers?.get("Nats-Sequence"));
    const previous = Number(message.headers?.get("Nats-Last-Sequence"));
    if (!(sequence > 0)) return;
    let frame: HistoryFrame;
    try {
      frame = new HistoryFrame(message.data, sequence);
    } catch (cause) {
      this.#shared.log.error(
        { event: "realtime_message_unknown", sequence, err: cause },
        "a message of a user's history can't be read and is left out",
      );
      return;
    }
    const span = this.#shared.traces?.openSampled(SPAN.push, message.headers?.get("traceparent") || undefined);
    if (this.#held !== undefined) this.#held.push({ frame, previous });
    else this.#take(frame, previous);
    span?.end();
  }

  #take(frame: HistoryFrame, previous: number): void {
    if (frame.offset <= this.#position) {
      // Most likely it came twice. If the stream was made anew its sequences began again: a look at the head tells.
      this.#shared.history
        .freshHead()
        .catch((error: unknown) =>
          this.#shared.log.warn(
            { event: "history_unavailable", err: error },
            "the history can't be looked at at the moment",
          ),
        );
      return;
    }
    if (previous > this.#position) {
      this.catchUp();
      this.#held?.push({ frame, previous });
      return;
    }
    this.#deliver(frame);
  }

  #deliver(frame: HistoryFrame): void {
    if (frame.offset <= this.#position) return;
    this.#position = frame.offset;
    for (const listener of this.#listeners) listener.deliver(frame);
  }

  async #readMissed(): Promise<void> {
    let readFor = 0;
    await this.#readOnce();
    for (let next = this.#held?.[0]; next !== undefined; next = this.#held?.[0]) {
      if (next.previous > this.#position && next.frame.offset > this.#position && next.frame.offset !== readFor) {
        // Missed while the history was read: it is read again, once for each such message. What is still not there then
        // was dropped from the history before anybody could read it.
        readFor = next.frame.offset;
        await this.#readOnce();
        continue;
      }
      this.#held?.shift();
      this.#deliver(next.frame);
    }
    this.#held = undefined;
  }

  async #readOnce(): Promise<void> {
    while (!this.#isClosed) {
      try {
        for (const frame of await this.#shared.history.readAfter(this.#subject, this.#position)) this.#deliver(frame);
        return;
      } catch (error) {
        this.#shared.log.warn(
          { event: "catch_up_failed", err: error },
          "missed messages can't be read at the moment: it is tried again",
        );
        await new Promise((resolve) => setTimeout(resolve, CATCH_UP_RETRY_MS));
      }
    }
  }
}

/** The channels of the users who have a socket here. */
export class UserChannels {
  readonly #shared: Shared;
  readonly #channels = new Map<string, UserChannel>();
  readonly #flush: () => Promise<void>;

  constructor(shared: Shared) {
    this.#shared = shared;
    this.#flush = coalesce(() => shared.bus.nc.flush());
  }

  /** Joins a user's channel, which begins if need be.
   *  @param position where a new one begins: the stream's last sequence, known from before this call. */
  join(address: UserAddress, position: number, listener: Listener): UserChannel {
    const key = `${address.workspaceId}/${address.userToken}`;
    let channel = this.#channels.get(key);
    if (channel === undefined) {
      channel = new UserChannel(this.#shared, address, position);
      this.#channels.set(key, channel);
    }
    channel.add(listener);
    return channel;
  }

  leave(address: UserAddress, channel: UserChannel, listener: Listener): void {
    channel.remove(listener);
    if (channel.isUsed) return;
    channel.close();
    this.#channels.delete(`${address.workspaceId}/${address.userToken}`);
  }

  /** Resolves when the server has heard of every subscription made so far. */
  flushed(): Promise<void> {
    return this.#flush();
  }

  /** After the connection was broken: whatever was published meanwhile is read from the history. */
  catchUpAll(): void {
    for (const channel of this.#channels.values()) channel.catchUp();
  }
}
