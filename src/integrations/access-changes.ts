import type { Bus } from "../bus/index.ts";

/** Tells every process that workspaces or keys have changed, at most once: whoever misses it sees it at his next regular look. */
export class AccessChanges {
  readonly #bus: Pick<Bus, "nc" | "subjects">;
  #subscription: { unsubscribe: () => void } | undefined;

  constructor(bus: Pick<Bus, "nc" | "subjects">) {
    this.#bus = bus;
  }

  /** Calls back when another one tells of a change. */
  onChange(callback: () => void): void {
    this.#subscription = this.#bus.nc.subscribe(this.#bus.subjects.accessChanged, { callback });
  }

  tell(): void {
    if (!this.#bus.nc.isClosed()) this.#bus.nc.publish(this.#bus.subjects.accessChanged);
  }

  stop(): void {
    this.#subscription?.unsubscribe();
  }
}
