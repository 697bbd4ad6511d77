import type { JsMsg } from "@nats-io/jetstream";
import { FairQueue } from "../domain/limit/fair-queue.ts";

/** Messages can hold hundreds of items each; with this many bytes, some ten thousand of them, a batch is handled within seconds. */
const BATCH_BYTES_MAX = 2 * 1_048_576;

/** What a worker has pulled and not taken. Bounded by what it pulls. Given out of workspaces in turn: what one has put on the stream
 *  in masses holds up no other that is among what was pulled. */
export class WorkerBuffer {
  readonly #queue = new FairQueue<JsMsg>(Number.POSITIVE_INFINITY);
  readonly #workspaceOf: (subject: string) => string;

  constructor(workspaceOf: (subject: string) => string) {
    this.#workspaceOf = workspaceOf;
  }

  get size(): number {
    return this.#queue.size;
  }

  [Symbol.iterator](): Iterator<JsMsg> {
    return this.#queue[Symbol.iterator]();
  }

  push(message: JsMsg): void {
    this.#queue.push(this.#workspaceOf(message.subject), message);
  }

  /** @returns up to so many messages, and at least one where there is any. */
  take(max: number): JsMsg[] {
    const batch: JsMsg[] = [];
    let bytes = 0;
    while (batch.length < max && bytes < BATCH_BYTES_MAX) {
      const [message] = this.#queue.take(1);
      if (message === undefined) break;
      bytes += message.data.length;
      batch.push(message);
    }
    return batch;
  }

  takeAll(): JsMsg[] {
    return this.#queue.take(this.#queue.size);
  }
}
