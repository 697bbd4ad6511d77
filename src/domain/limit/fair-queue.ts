/** What waits of one owner, from `next` on. */
type Line<T> = { readonly owner: string; items: T[]; next: number };

/** Lines are cut behind what was taken once that is so much, so that each item is moved once at most, on average. */
const CUT_AT = 1_024;

/** A bounded queue that many owners share. Each owner's items stay in order; a group takes one of each owner in turn, going on
 *  where the one before ended (round robin, which is what deficit round robin comes to when every item costs the same). So an owner
 *  with k items before its newest waits for at most (k + 1) items of every other, however many those have.
 *
 *  No owner may fill it: an item gets in while its owner has fewer than are free (a dynamic threshold, Choudhury and Hahne, "Dynamic
 *  queue length thresholds for shared-memory packet switches", 1998, with α = 1). One owner alone gets half of the queue, N that
 *  go on asking for more than they get have 1 / (N + 1) each, and as much is free for whoever comes next. */
export class FairQueue<T> {
  readonly #max: number;
  readonly #lines = new Map<string, Line<T>>();
  /** Whose turn it is, the first next. Every owner with items is in it once. */
  #turns: Line<T>[] = [];
  #nextTurn = 0;
  #size = 0;

  /** @param max items of all owners together, at least 2; Infinity where something else bounds them: then all get in. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Items that wait. */
  get size(): number {
    return this.#size;
  }

  /** Owners with something waiting. */
  get owners(): number {
    return this.#lines.size;
  }

  /** What waits, each owner's in order. */
  *[Symbol.iterator](): Generator<T> {
    for (const { items, next } of this.#lines.values()) yield* items.slice(next);
  }

  /** @returns false when the owner has its share of the queue already: then nothing has changed. */
  push(owner: string, item: T): boolean {
    const known = this.#lines.get(owner);
    const own = known === undefined ? 0 : known.items.length - known.next;
    if (own >= this.#max - this.#size) return false;
    const line = known ?? this.#join(owner);
    line.items.push(item);
    this.#size += 1;
    return true;
  }

  /** Takes up to `count` items, one of each owner in turn. */
  take(count: number): T[] {
    const taken: T[] = [];
    while (taken.length < count && this.#size > 0) {
      const line = this.#turns[this.#nextTurn];
      if (line === undefined) break;
      this.#nextTurn += 1;
      taken.push(line.items[line.next] as T);
      line.next += 1;
      this.#size -= 1;
      if (line.next === line.items.length) this.#leave(line);
      else this.#turns.push(cut(line));
      if (this.#nextTurn >= CUT_AT && this.#nextTurn * 2 >= this.#turns.length) {
        this.#turns = this.#turns.slice(this.#nextTurn);
        this.#nextTurn = 0;
      }
    }
    return taken;
  }

  #leave(line: Line<T>): void {
    this.#lines.delete(line.owner);
    // What was taken must not be held on to by a turn that is over.
    line.items = [];
  }

  #join(owner: string): Line<T> {
    const line: Line<T> = { owner, items: [], next: 0 };
    this.#lines.set(owner, line);
    this.#turns.push(line);
    return line;
  }
}

function cut<T>(line: Line<T>): Line<T> {
  if (line.next < CUT_AT || line.next * 2 < line.items.length) return line;
  line.items = line.items.slice(line.next);
  line.next = 0;
  return line;
}
