import { fromBinary } from "@bufbuild/protobuf";
import type { Logger } from "pino";
import { type Event, EventBatchSchema } from "../../gen/intervention/v1/event_pb.js";
import type { Bus } from "../bus/index.ts";
import { DomainError, OverLimit, Unavailable } from "../domain/errors.ts";

/** What a watcher wants to hear of. */
export type FeedOptions = {
  readonly bus: Bus;
  readonly log: Logger;
  readonly workspaceId: string;
  readonly wants: (event: Event) => boolean;
};

/** Events a watcher may lag behind; one that does not read is ended then, and never costs the others. */
const WAITING_MAX = 10_000;
/** Ids remembered, so that what comes twice is told once: twice what can wait. */
const REMEMBERED_MAX = 20_000;
const FLUSH_MS_MAX = 5_000;

/** Events of one workspace as they happen, each once, bounded in memory. It ends with an error when something may have been
 *  missed (a slow reader, a lost connection): a watch that goes on with a gap would be worse than one that ends. */
export class EventFeed implements Disposable {
  readonly #waiting: Event[] = [];
  readonly #seen = new Set<string>();
  readonly #wants: (event: Event) => boolean;
  readonly #subscription: { unsubscribe: () => void };
  readonly #status: AsyncIterable<{ readonly type: string }> & { stop?: () => void };
  #wake = Promise.withResolvers<void>();
  #end: { readonly error?: Error } | undefined;

  private constructor({ bus, log, workspaceId, wants }: FeedOptions) {
    this.#wants = wants;
    this.#status = bus.nc.status();
    this.#subscription = bus.nc.subscribe(bus.subjects.track(workspaceId, "*"), {
      callback: (error, message) => {
        if (error !== null) return this.end(new Unavailable("bus", { cause: error }));
        try {
          for (const event of fromBinary(EventBatchSchema, message.data).events) this.push(event);
        } catch (cause) {
          // The recorder buries such a message where an operator sees it; here it only means that a watcher can't be told.
          log.warn({ event: "watch_skipped", err: cause }, "a message on the way to a watcher is no batch of events");
        }
      },
    });
  }

  /** Returns when nothing that happens from now on can be missed.
   *  @throws Unavailable */
  static async open(options: FeedOptions): Promise<EventFeed> {
    const feed = new EventFeed(options);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Unavailable("bus", { cause: new Error("the subscription was not confirmed") })),
        FLUSH_MS_MAX,
      );
    });
    try {
      await Promise.race([options.bus.nc.flush(), late]);
    } catch (cause) {
      feed[Symbol.dispose]();
      throw cause instanceof DomainError ? cause : new Unavailable("bus", { cause });
    } finally {
      clearTimeout(timer);
    }
    void feed.#endWhenDisconnected();
    return feed;
  }

  /** Adds an event from wherever it was heard of. */
  push(event: Event): void {
    if (!this.#isNew(event)) return;
    this.#waiting.push(event);
    this.#wake.resolve();
  }

  /** Puts what happened before in front of what has been heard meanwhile. */
  pushBefore(events: readonly Event[]): void {
    this.#waiting.unshift(...events.filter((event) => this.#isNew(event)));
    this.#wake.resolve();
  }

  #isNew(event: Event): boolean {
    if (this.#end !== undefined || !this.#wants(event) || this.#seen.has(event.eventId)) return false;
    if (this.#waiting.length >= WAITING_MAX) {
      this.end(
        new OverLimit("events not read yet", `${WAITING_MAX} events wait to be read: resume by watching again`, 1_000),
      );
      return false;
    }
    this.#seen.add(event.eventId);
    const [oldest] = this.#seen;
    if (oldest !== undefined && this.#seen.size > REMEMBERED_MAX) this.#seen.delete(oldest);
    return true;
  }

  /** Lets the reader finish: with an error, or without one when it is the reader who has gone. */
  end(error?: Error): void {
    this.#end ??= error === undefined ? {} : { error };
    this.#wake.resolve();
  }

  /** What comes, until the feed ends. What still waits when it ends with an error is told first. */
  async *read(): AsyncGenerator<Event> {
    for (;;) {
      yield* this.#waiting.splice(0);
      if (this.#waiting.length > 0) continue;
      if (this.#end?.error !== undefined) throw this.#end.error;
      if (this.#end !== undefined) return;
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
    }
  }

  [Symbol.dispose](): void {
    this.#subscription.unsubscribe();
    this.#status.stop?.();
    this.end();
  }

  async #endWhenDisconnected(): Promise<void> {
    for await (const { type } of this.#status) {
      if (type !== "disconnect") continue;
      this.end(new Unavailable("bus", { cause: new Error("the connection to the bus broke during a watch") }));
      return;
    }
  }
}
