/** What became of an intervention on this device.
 *  - `shown`: a listener returned from it, so a repetition is acknowledged but not shown;
 *  - `withheld`: it was not shown (expired, or the listener threw), so a repetition is neither;
 *  - `revoked`: taken back, perhaps before it came. */
export type Fate = "shown" | "withheld" | "revoked";

/** As many as a page can plausibly get between two of its own repetitions; about 40 KB of storage. */
const seenMax = 1_000;

/** The newest interventions this device has met, by id: what makes "exactly one callback" true while
 *  the network repeats itself. It forgets the least recently met first. */
export class Seen {
  readonly #fates = new Map<string, Fate>();

  constructor(entries: Iterable<readonly [string, Fate]> = []) {
    for (const [id, fate] of entries) this.mark(id, fate);
  }

  fate(id: string): Fate | undefined {
    return this.#fates.get(id);
  }

  mark(id: string, fate: Fate): void {
    // Deleting first moves it to the end: a Map keeps the order of insertion.
    this.#fates.delete(id);
    this.#fates.set(id, fate);
    if (this.#fates.size <= seenMax) return;
    const oldest = this.#fates.keys().next();
    if (oldest.done !== true) this.#fates.delete(oldest.value);
  }

  entries(): [string, Fate][] {
    return [...this.#fates];
  }
}
