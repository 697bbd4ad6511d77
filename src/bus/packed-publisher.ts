import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { BatchPublisher } from "./batch-publisher.ts";
import type { Bus } from "./connect-bus.ts";

/** One item: an encoded protobuf message, and where it goes. */
export type PackedItem = {
  readonly subject: string;
  readonly body: Uint8Array;
  /** `Nats-Msg-Id`, used when it is alone in its message. Shared messages have none: who reads them knows the items by their ids. */
  readonly messageId?: string;
};

/** The field of the packed message that holds the items: `repeated … = 1`, as in EventBatch and InterventionBatch. */
const ITEMS_FIELD = 1;
const ITEMS_PER_MESSAGE_MAX = 500;
/** Half of what the broker takes as one message by default. */
const BYTES_PER_MESSAGE_MAX = 512 * 1_024;

type Waiting = {
  readonly item: PackedItem;
  readonly resolve: (sequence: number) => void;
  readonly reject: (error: Error) => void;
};

/** Publishes many small items in few messages: those that come while a sync is under way and go to one subject share a message.
 *  With a sync for each message, this is what makes a flood affordable; a lone item goes at once. */
export class PackedPublisher {
  readonly #publisher: BatchPublisher;
  #waiting: Waiting[] = [];
  readonly #lingerMs: number;
  readonly #itemsMax: number;
  #isScheduled = false;
  #isFlushing = false;
  #flushedAtMs = Number.NEGATIVE_INFINITY;

  /** @param options.lingerMs least time between two messages of a busy publisher: nobody waits that long for a lone item, and a
   *  stream of small ones costs that much less. Default: 0, whatever comes during one sync shares the next.
   *  @param options.itemsMax items of one message: what reads them handles a message as a whole. Default: 500. */
  constructor(bus: Bus, options: { readonly lingerMs?: number; readonly itemsMax?: number } = {}) {
    this.#publisher = new BatchPublisher(bus);
    this.#lingerMs = options.lingerMs ?? 0;
    this.#itemsMax = options.itemsMax ?? ITEMS_PER_MESSAGE_MAX;
  }

  /** Resolves when all are on disk, with the newest sequence among them; 0 of none.
   *  @throws Unavailable when some may not be; publishing them again is safe where whoever reads them knows them by their ids. */
  async publish(items: readonly PackedItem[]): Promise<number> {
    const sequences = await Promise.all(
      items.map(
        (item) =>
          new Promise<number>((resolve, reject) => {
            this.#waiting.push({ item, resolve, reject });
            this.#schedule();
          }),
      ),
    );
    return sequences.reduce((newest, sequence) => Math.max(newest, sequence), 0);
  }

  /** Resolves when nothing waits any more. */
  async drained(): Promise<void> {
    while (this.#waiting.length > 0 || this.#isFlushing) await new Promise((resolve) => setTimeout(resolve, 1));
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isFlushing || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    const flush = () => {
      this.#isScheduled = false;
      void this.#flush();
    };
    const waitMs = this.#flushedAtMs + this.#lingerMs - performance.now();
    if (waitMs > 0) setTimeout(flush, waitMs);
    else setImmediate(flush);
  }

  async #flush(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#isFlushing = true;
    this.#flushedAtMs = performance.now();
    const bySubject = Map.groupBy(waiting, ({ item }) => item.subject);
    await Promise.all(
      [...bySubject].flatMap(([subject, group]) =>
        chunks(group, this.#itemsMax).map((chunk) => this.#send(subject, chunk)),
      ),
    );
    this.#isFlushing = false;
    this.#schedule();
  }

  /** Never rejects: every waiting caller gets his own answer. */
  async #send(subject: string, chunk: readonly Waiting[]): Promise<void> {
    try {
      const messageId = chunk.length === 1 ? chunk[0]?.item.messageId : undefined;
      const data = packItems(chunk.map(({ item }) => item.body));
      const sequence = await this.#publisher.publish({
        ...{ subject, data },
        ...(messageId === undefined ? {} : { messageId }),
      });
      for (const { resolve } of chunk) resolve(sequence);
    } catch (error) {
      for (const { reject } of chunk) reject(error instanceof Error ? error : new Error(String(error)));
    }
  }
}

/** The bytes of a message whose first field repeats these. */
export function packItems(bodies: readonly Uint8Array[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const body of bodies) writer.tag(ITEMS_FIELD, WireType.LengthDelimited).bytes(body);
  return writer.finish();
}

function chunks(waiting: readonly Waiting[], itemsMax: number): Waiting[][] {
  const result: Waiting[][] = [];
  let bytes = 0;
  for (const one of waiting) {
    const current = result.at(-1);
    bytes += one.item.body.length;
    if (current === undefined || current.length === itemsMax || bytes > BYTES_PER_MESSAGE_MAX) {
      result.push([one]);
      bytes = one.item.body.length;
    } else current.push(one);
  }
  return result;
}
