import type { Clock } from "../timers.ts";

/** Time that moves only when told. */
export class ManualClock implements Clock {
  #now = Date.parse("2026-03-01T12:00:00Z");
  #count = 0;
  readonly #timers = new Map<number, { readonly at: number; readonly run: () => void }>();

  now(): number {
    return this.#now;
  }

  setTimeout(run: () => void, ms: number): number {
    this.#count += 1;
    this.#timers.set(this.#count, { at: this.#now + ms, run });
    return this.#count;
  }

  clearTimeout(handle: unknown): void {
    if (typeof handle === "number") this.#timers.delete(handle);
  }

  get timerCount(): number {
    return this.#timers.size;
  }

  /** Runs what is due on the way, in order, with everything it leads to. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (let due = this.#due(end); due !== undefined; due = this.#due(end)) {
      this.#timers.delete(due.handle);
      this.#now = Math.max(this.#now, due.at);
      due.run();
      await settled();
    }
    this.#now = end;
  }

  #due(end: number): { handle: number; at: number; run: () => void } | undefined {
    let first: { handle: number; at: number; run: () => void } | undefined;
    for (const [handle, { at, run }] of this.#timers) {
      if (at <= end && (first === undefined || at < first.at)) first = { handle, at, run };
    }
    return first;
  }
}

/** Lets every promise that can go on, go on. A macrotask comes only after all microtasks. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
