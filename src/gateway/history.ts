import { type Bus, readBatch } from "../bus/index.ts";
import { Unavailable } from "../domain/errors.ts";
import { coalesce, limitConcurrency } from "./coalesce.ts";
import { HistoryFrame } from "./outgoing-frame.ts";
import type { HistoryHead } from "./recovery.ts";

/** How REALTIME is read. */
export type HistoryOptions = {
  readonly bus: Bus;
  /** Told of a message that can't be decoded; it is left out. */
  readonly onBadMessage: (sequence: number, error: unknown) => void;
};

/** A head of this age is fresh enough to begin a session at. */
const HEAD_AGE_MS_MAX = 1_000;
/** Ten thousand clients that come back at once wait for each other rather than overrun the server's queue of requests. */
const READS_AT_ONCE_MAX = 64;
const BATCH_MAX = 256;
/** A replica may be behind the leader; it is asked again this often before the read counts as failed. */
const READ_ATTEMPTS_MAX = 20;
const READ_AGAIN_MS = 50;

/** Reads the messages of users that REALTIME keeps. */
export class History {
  readonly #options: HistoryOptions;
  readonly #stream: string;
  readonly #fetchHead: () => Promise<HistoryHead>;
  readonly #limit = limitConcurrency(READS_AT_ONCE_MAX);
  #head: HistoryHead | undefined;
  #headAtMs = 0;
  /** Told when offsets have lost their meaning, since the stream was made anew. */
  onEpochChange: (() => void) | undefined;

  constructor(options: HistoryOptions) {
    this.#options = options;
    this.#stream = options.bus.subjects.stream("REALTIME");
    this.#fetchHead = coalesce(() => this.#readHead());
  }

  /** Where the history stood at most a second ago.
   *  @throws Unavailable */
  async head(): Promise<HistoryHead> {
    if (this.#head !== undefined && performance.now() - this.#headAtMs < HEAD_AGE_MS_MAX) return this.#head;
    return this.#fetchHead();
  }

  /** Where it stands at a moment after this call.
   *  @throws Unavailable */
  freshHead(): Promise<HistoryHead> {
    return this.#fetchHead();
  }

  /** Everything kept on a user's subject after a sequence, up to at least what the leader had stored when this was called.
   *  @throws Unavailable */
  readAfter(subject: string, sequence: number): Promise<HistoryFrame[]> {
    return this.#limit(() => onBus(() => this.#readAfter(subject, sequence)));
  }

  /** Whether a message on this subject is kept that lies at or before the sequence.
   *  @throws Unavailable */
  isKeptUpTo(subject: string, sequence: number): Promise<boolean> {
    return this.#limit(() =>
      onBus(async () => {
        const first = await this.#options.bus.jsm.direct.getMessage(this.#stream, { seq: 1, next_by_subj: subject });
        return first !== null && first.seq <= sequence;
      }),
    );
  }

  async #readHead(): Promise<HistoryHead> {
    const { created, config, state } = await onBus(() => this.#options.bus.jsm.streams.info(this.#stream));
    // The number kept is part of the epoch: raised, what was dropped under the old one would look as if it had never been.
    const historyMax = config.max_msgs_per_subject > 0 ? config.max_msgs_per_subject : Number.POSITIVE_INFINITY;
    // Written without a sync, sequences may be given out again after the server has died.
    const { bus } = this.#options;
    const start = bus.isHistoryAsync ? `-${(bus.nc.info?.server_id ?? "").slice(0, 12)}` : "";
    const head = {
      epoch: `${Date.parse(String(created))}-${historyMax}${start}`,
      firstSequence: state.first_seq,
      lastSequence: state.last_seq,
      historyMax,
    };
    const before = this.#head;
    this.#head = head;
    this.#headAtMs = performance.now();
    if (before !== undefined && before.epoch !== head.epoch) this.onEpochChange?.();
    return head;
  }

  async #readAfter(subject: string, after: number): Promise<HistoryFrame[]> {
    const { bus } = this.#options;
    // The leader answers this one; the batches below may come from a replica that does not have the newest yet.
    const newest = (await bus.jsm.streams.getMessage(this.#stream, { last_by_subj: subject }))?.seq ?? 0;
    const frames: HistoryFrame[] = [];
    let position = after;
    for (let attempt = 0; position < newest; ) {
      const batch = await readBatch(bus, { stream: this.#stream, subject, from: position + 1, limit: BATCH_MAX });
      const last = batch.at(-1);
      if (last !== undefined) {
        for (const { seq, data } of batch) this.#decodeInto(frames, seq, data);
        position = last.seq;
        continue;
      }
      attempt += 1;
      // It may have been dropped in the meantime, by age or for a newer one: then there is nothing to wait for.
      const isStillThere =
        ((await bus.jsm.streams.getMessage(this.#stream, { last_by_subj: subject }))?.seq ?? 0) > position;
      if (!isStillThere) break;
      if (attempt === READ_ATTEMPTS_MAX)
        throw new Error(`the replicas of ${this.#stream} stay behind sequence ${newest}`);
      await new Promise((resolve) => setTimeout(resolve, READ_AGAIN_MS));
    }
    return frames;
  }

  #decodeInto(frames: HistoryFrame[], sequence: number, data: Uint8Array): void {
    try {
      frames.push(new HistoryFrame(data, sequence));
    } catch (error) {
      this.#options.onBadMessage(sequence, error);
    }
  }
}

async function onBus<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw error instanceof Unavailable ? error : new Unavailable("bus", { cause: error });
  }
}
