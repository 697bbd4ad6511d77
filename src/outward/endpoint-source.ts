import type { ConsumerMessages, JsMsg } from "@nats-io/jetstream";
import type { Bus } from "../bus/index.ts";
import type { WebhookEndpointDocument } from "../store/index.ts";
import { openEndpointConsumer } from "./endpoint-consumer.ts";

const BUFFERED_MAX = 64;
const PULL_EXPIRES_MS = 5_000;
const IDLE_HEARTBEAT_MS = 1_000;
const MISSED_HEARTBEATS_MAX = 2;
const FATAL = new Set(["consumer_deleted", "consumer_not_found", "stream_not_found", "no_responders"]);

/** The messages of one endpoint as the broker hands them out. */
export class EndpointSource {
  readonly #messages: ConsumerMessages;
  readonly #buffer: JsMsg[];
  readonly #signal: { wake: () => void };
  #failure: Error | undefined;

  private constructor(messages: ConsumerMessages, buffer: JsMsg[], signal: { wake: () => void }) {
    this.#messages = messages;
    this.#buffer = buffer;
    this.#signal = signal;
    void this.#watch();
  }

  static async open(bus: Bus, endpoint: WebhookEndpointDocument): Promise<EndpointSource> {
    const consumer = await openEndpointConsumer(bus, endpoint);
    const buffer: JsMsg[] = [];
    const signal: { wake: () => void } = { wake: () => undefined };
    const messages = await consumer.consume({
      max_messages: BUFFERED_MAX,
      expires: PULL_EXPIRES_MS,
      idle_heartbeat: IDLE_HEARTBEAT_MS,
      callback: (message) => {
        buffer.push(message);
        signal.wake();
      },
    });
    return new EndpointSource(messages, buffer, signal);
  }

  /** What is there, at most so many; waits so long for the first.
   *  @throws when the consumer has fallen silent: open another. */
  async take(max: number, options: { readonly waitMs: number; readonly signal: AbortSignal }): Promise<JsMsg[]> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#buffer.length === 0 && options.waitMs > 0 && !options.signal.aborted) await this.#wait(options);
    return this.#buffer.splice(0, Math.max(0, max));
  }

  /** Keeps what is buffered from being handed out again. */
  sayWorking(): void {
    for (const message of this.#buffer) message.working();
  }

  /** Hands back what is buffered. */
  close(): void {
    this.#messages.stop();
    for (const message of this.#buffer.splice(0)) message.nak();
  }

  #wait({ waitMs, signal }: { readonly waitMs: number; readonly signal: AbortSignal }): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        this.#signal.wake = () => undefined;
        resolve();
      };
      const timer = setTimeout(done, waitMs);
      signal.addEventListener("abort", done, { once: true });
      this.#signal.wake = done;
    });
  }

  async #watch(): Promise<void> {
    for await (const event of this.#messages.status()) {
      const isSilent = event.type === "heartbeats_missed" && event.count >= MISSED_HEARTBEATS_MAX;
      if (!isSilent && !FATAL.has(event.type)) continue;
      this.#failure = new Error(`the consumer fell silent: ${event.type}`);
      return;
    }
  }
}
