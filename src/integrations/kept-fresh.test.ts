import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { KeptFresh } from "./kept-fresh.ts";

/** Something whose readings end when they are told to. */
function startReading(everyMs?: number) {
  const open: PromiseWithResolvers<void>[] = [];
  const stale: unknown[] = [];
  let begun = 0;
  let atOnce = 0;
  let atOnceMax = 0;
  const fresh = new KeptFresh({
    refresh: async () => {
      begun += 1;
      atOnce += 1;
      atOnceMax = Math.max(atOnceMax, atOnce);
      const reading = Promise.withResolvers<void>();
      open.push(reading);
      try {
        await reading.promise;
      } finally {
        atOnce -= 1;
      }
    },
    onStale: (error) => stale.push(error),
    everyMs,
  });
  return { fresh, open, stale, counts: () => ({ begun, atOnceMax }) };
}
const settle = () => vi.advanceTimersByTimeAsync(0);

describe("what is kept fresh", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("is read each second, and when somebody tells of a change", async () => {
    const { fresh, open, counts } = startReading();
    await vi.advanceTimersByTimeAsync(999);
    expect(counts().begun).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(counts().begun).toBe(1);
    open[0]?.resolve();
    await settle();
    void fresh.now();
    expect(counts().begun).toBe(2);
    fresh.stop();
  });

  it("is never read twice at a time, and once more for all who ask meanwhile, who wait for that", async () => {
    const { fresh, open, counts } = startReading();
    void fresh.now();
    let isInForce = false;
    const asked = Promise.all([fresh.now(), fresh.now(), fresh.now()]).then(() => {
      isInForce = true;
    });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(counts()).toEqual({ begun: 1, atOnceMax: 1 });
    open[0]?.resolve();
    await settle();
    expect([counts(), isInForce]).toEqual([{ begun: 2, atOnceMax: 1 }, false]);
    open[1]?.resolve();
    await asked;
    expect(counts()).toEqual({ begun: 2, atOnceMax: 1 });
    fresh.stop();
  });

  it("is told to be stale when it can't be read, which ends nothing: not for who asked meanwhile, and not later", async () => {
    const { fresh, open, stale, counts } = startReading();
    const first = fresh.now();
    void fresh.now();
    open[0]?.reject(new Error("away"));
    await settle();
    expect(stale).toEqual([new Error("away")]);
    open[1]?.resolve();
    await expect(first).resolves.toBeUndefined();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(counts().begun).toBe(3);
    fresh.stop();
  });

  it("is not read any more once it is stopped", async () => {
    const { fresh, open, counts } = startReading(10);
    void fresh.now();
    void fresh.now();
    fresh.stop();
    open[0]?.resolve();
    await vi.advanceTimersByTimeAsync(100);
    await fresh.now();
    expect(counts().begun).toBe(1);
  });
});
