import type { Faults } from "../../../deploy/sandbox/faults/faults.ts";

/** A neighbour that can be ended and started again, with the same faults. */
export class Switchable<T extends AsyncDisposable> implements AsyncDisposable {
  readonly faults: Faults;
  readonly #start: (faults: Faults, last: T | undefined) => Promise<T>;
  #running: T | undefined;
  #last: T | undefined;

  /** @param start is given the one that ran before, if any. */
  constructor(faults: Faults, start: (faults: Faults, last: T | undefined) => Promise<T>) {
    this.faults = faults;
    this.#start = start;
  }

  async start(): Promise<T> {
    this.#running ??= await this.#start(this.faults, this.#last);
    this.#last = this.#running;
    return this.#running;
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    await running?.[Symbol.asyncDispose]();
  }

  /** Running, and well. */
  async bringBack(): Promise<void> {
    this.faults.set({});
    await this.start();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
