import { setTimeout as delay } from "node:timers/promises";

export type UntilStillOptions = {
  /** Looks, and says how much is left. */
  readonly left: () => number | Promise<number>;
  /** Gives up when that has not changed for so long. */
  readonly stillMsMax: number;
  readonly pollMs: number;
};

/** Looks again and again until nothing is left.
 *  @returns what is left when it gave up; else 0. */
export async function untilStill({ left, stillMsMax, pollMs }: UntilStillOptions): Promise<number> {
  let before = Number.NaN;
  let changedMs = performance.now();
  for (;;) {
    const now = await left();
    if (now === 0) return 0;
    if (now !== before) changedMs = performance.now();
    else if (performance.now() - changedMs > stillMsMax) return now;
    before = now;
    await delay(pollMs);
  }
}
