import { type Bucket, charge, fullBucket, type RateLimit, refill, type Take, take, toWaitMs } from "./token-bucket.ts";

/** A bucket that a call must pass, by an id that means the same on every node. */
export type Wanted = { readonly id: string; readonly limit: RateLimit };

/** What became of a call that must pass several buckets: all give, or none. */
export type SharedTake =
  | { readonly kind: "taken" }
  | { readonly kind: "refused"; readonly index: number; readonly waitMs: number }
  | { readonly kind: "never"; readonly index: number };

/** What a node has taken of a bucket: in all since it knows the bucket, and since it last said so. */
export type Use = { readonly id: string; readonly total: number; readonly sinceLast: number };

type Entry = {
  bucket: Bucket;
  limit: RateLimit;
  total: number;
  told: number;
  readonly heard: Map<string, number>;
  recent: Recent;
  /** Of the rate, while no other node can be heard. */
  share: number | undefined;
};
/** Tokens taken here and elsewhere, of which half is forgotten every `RECENT_MS`. */
type Recent = { readonly own: number; readonly others: number; readonly atMs: number };

const RECENT_MS = 5_000;
/** A node counts as having taken this many seconds' worth of the rate in any case: where nothing was taken all shares are alike,
 *  and a node that is new to a bucket can use some of it. */
const LEAST_SHARE_S = 0.1;
/** A node that has said nothing for so long is gone. */
const NODE_LOST_MS = 3_500;
/** What is untold is told at once when it is this part of the burst, or of a second's rate where that is more. */
const TOLD_AT_ONCE = { burst: 1 / 16, rate: 1 / 200 };
const IDLE_MS = 60_000;
/** Beyond this, a bucket that nobody knows yet throws out the one that has been known for longest. */
const BUCKETS_MAX = 200_000;

/** Token buckets that several nodes share without asking each other: each has every bucket whole, takes from its own, and is told
 *  what the others took, which is then missing here too, as a debt if need be.
 *
 *  How far N nodes can overshoot together: of what passes in a window of t seconds, the last node to let anything pass has
 *  counted all but what the others took within D, the time that telling takes. So it is at most
 *  burst + rate · t  +  (N − 1) · (burst + rate · D): up to N bursts when a bucket that was full everywhere is stormed
 *  everywhere within D. It is paid back: all that passed stays counted, and nobody lets anything pass before the debt is paid
 *  off. While a node hears nobody it goes on by its share of what was taken of late, in a bucket of its own with the whole
 *  burst: shares of all nodes add up to one, so nodes that are all cut off keep to the rate, and cut off from others that go
 *  on, they let at most twice the rate pass. */
export class SharedBuckets {
  readonly #onDue: () => void;
  readonly #entries = new Map<string, Entry>();
  readonly #untold = new Set<string>();
  readonly #nodes = new Map<string, number>();
  #nodesWhenCutOff: number | undefined;

  /** @param onDue called when so much is untold that the others should hear of it at once. */
  constructor(onDue: () => void = () => undefined) {
    this.#onDue = onDue;
  }

  /** Whether this node hears nobody, and goes by its last share. */
  get isCutOff(): boolean {
    return this.#nodesWhenCutOff !== undefined;
  }

  /** What `take` would say now, without taking anything. */
  tryTake(wanted: readonly Wanted[], call: { readonly nowMs: number; readonly cost: number }): SharedTake {
    return this.#judge(wanted, call).outcome;
  }

  /** Takes `cost` of each bucket, or nothing. */
  take(wanted: readonly Wanted[], call: { readonly nowMs: number; readonly cost: number }): SharedTake {
    const { entries, takes, outcome } = this.#judge(wanted, call);
    if (outcome.kind !== "taken") return outcome;
    for (const [index, entry] of entries.entries()) {
      const { bucket } = takes[index] ?? entry;
      const id = wanted[index]?.id ?? "";
      entry.bucket = bucket;
      entry.total += call.cost;
      entry.recent = toRecent(entry.recent, { own: call.cost, others: 0 }, call.nowMs);
      this.#untold.add(id);
      const { burst, ratePerS } = entry.limit;
      const due = Math.max(burst * TOLD_AT_ONCE.burst, ratePerS * TOLD_AT_ONCE.rate);
      if (entry.total - entry.told >= due) this.#onDue();
    }
    return outcome;
  }

  #judge(wanted: readonly Wanted[], call: { readonly nowMs: number; readonly cost: number }) {
    const entries = wanted.map((one) => this.#entry(one, call.nowMs));
    const takes = entries.map((entry) => take(entry.bucket, this.#limitOf(entry), call));
    return { entries, takes, outcome: toOutcome(takes) };
  }

  /** What is left of a bucket, and how long it takes to be full again. */
  look(wanted: Wanted, nowMs: number): { readonly tokens: number; readonly fullInMs: number } {
    const entry = this.#entry(wanted, nowMs);
    const limit = this.#limitOf(entry);
    const bucket = refill(entry.bucket, limit, nowMs);
    return { tokens: Math.max(0, bucket.tokens), fullInMs: toWaitMs(bucket, limit, limit.burst) };
  }

  /** What the others have not been told yet; from now on it counts as told. */
  tell(): Use[] {
    const uses = [...this.#untold].flatMap((id) => {
      const entry = this.#entries.get(id);
      if (entry === undefined) return [];
      const sinceLast = entry.total - entry.told;
      entry.told = entry.total;
      return [{ id, total: entry.total, sinceLast }];
    });
    this.#untold.clear();
    return uses;
  }

  /** Another node says what it took. Totals, so that a message lost is made up for by the next, and one repeated does nothing.
   *  @param limitOf of a bucket that was not asked for here yet. It must be the real one: what is taken there within the limit
   *  would pile up here as a debt otherwise, and the first call to come here would find it. */
  hear(node: string, uses: readonly Use[], heard: { readonly nowMs: number; limitOf(id: string): RateLimit }): void {
    const { nowMs } = heard;
    this.#nodes.set(node, nowMs);
    for (const { id, total, sinceLast } of uses) {
      const entry = this.#entries.get(id) ?? this.#add(id, heard.limitOf(id), nowMs);
      const before = entry.heard.get(node);
      const cost = before === undefined || total < before ? sinceLast : total - before;
      entry.heard.set(node, total);
      entry.bucket = charge(refill(entry.bucket, this.#limitOf(entry), nowMs), cost);
      entry.recent = toRecent(entry.recent, { own: 0, others: cost }, nowMs);
    }
  }

  /** From now on nobody is heard, or everybody again. What was taken meanwhile within the shares is not held against anybody. */
  setCutOff(isCutOff: boolean, nowMs: number): void {
    if (isCutOff === this.isCutOff) return;
    const nodes = this.countNodes(nowMs);
    this.#nodesWhenCutOff = isCutOff ? nodes : undefined;
    for (const entry of this.#entries.values()) {
      entry.bucket = refill(entry.bucket, isCutOff ? entry.limit : this.#scaled(entry), nowMs);
      entry.share = isCutOff ? toShare(entry, nodes, nowMs) : undefined;
      if (isCutOff) continue;
      entry.heard.clear();
      entry.told = entry.total;
    }
    if (!isCutOff) this.#untold.clear();
  }

  /** This node and those it has heard of late. */
  countNodes(nowMs: number): number {
    for (const [node, heardMs] of this.#nodes) if (nowMs - heardMs > NODE_LOST_MS) this.#nodes.delete(node);
    return this.#nodes.size + 1;
  }

  /** Forgets buckets that have been full and idle for a while: a new one is the same. */
  sweep(nowMs: number): void {
    for (const [id, entry] of this.#entries) {
      if (nowMs - entry.recent.atMs < IDLE_MS || this.#untold.has(id)) continue;
      if (refill(entry.bucket, this.#limitOf(entry), nowMs).tokens >= entry.limit.burst) this.#entries.delete(id);
    }
  }

  #entry({ id, limit }: Wanted, nowMs: number): Entry {
    const known = this.#entries.get(id) ?? this.#add(id, limit, nowMs);
    if (known.limit !== limit) {
      // What a bucket lacked it lacks under a new limit too, so that no change fills one.
      const missing = known.limit.burst - refill(known.bucket, this.#limitOf(known), nowMs).tokens;
      known.bucket = { tokens: limit.burst - missing, atMs: Math.max(nowMs, known.bucket.atMs) };
      known.limit = limit;
    }
    return known;
  }

  #add(id: string, limit: RateLimit, nowMs: number): Entry {
    const entry: Entry = {
      bucket: fullBucket(limit, nowMs),
      limit,
      ...{ total: 0, told: 0, heard: new Map(), recent: { own: 0, others: 0, atMs: nowMs } },
      share: this.#nodesWhenCutOff === undefined ? undefined : 1 / this.#nodesWhenCutOff,
    };
    if (this.#entries.size >= BUCKETS_MAX) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
    this.#entries.set(id, entry);
    return entry;
  }

  #limitOf(entry: Entry): RateLimit {
    return entry.share === undefined ? entry.limit : this.#scaled(entry);
  }

  #scaled({ limit, share = 1 }: Entry): RateLimit {
    return { burst: limit.burst, ratePerS: limit.ratePerS * share };
  }
}

/** Of all buckets together: as long as the one that is there last. */
function toOutcome(takes: readonly Take[]): SharedTake {
  const never = takes.findIndex(({ kind }) => kind === "never");
  if (never >= 0) return { kind: "never", index: never };
  const waits = takes.map((one) => (one.kind === "refused" ? one.waitMs : 0));
  const waitMs = Math.max(0, ...waits);
  return waitMs > 0 ? { kind: "refused", index: waits.indexOf(waitMs), waitMs } : { kind: "taken" };
}

function toRecent(recent: Recent, more: { readonly own: number; readonly others: number }, nowMs: number): Recent {
  const kept = 0.5 ** (Math.max(0, nowMs - recent.atMs) / RECENT_MS);
  return {
    own: recent.own * kept + more.own,
    others: recent.others * kept + more.others,
    atMs: Math.max(nowMs, recent.atMs),
  };
}

function toShare({ recent, limit }: Entry, nodes: number, nowMs: number): number {
  const { own, others } = toRecent(recent, { own: 0, others: 0 }, nowMs);
  const least = limit.ratePerS * LEAST_SHARE_S;
  return (own + least) / (own + others + nodes * least);
}
