import { describe, expect, it } from "vitest";
import { coalesce, limitConcurrency } from "./coalesce.ts";

describe("a shared operation", () => {
  it("gives each caller a run that began after its call, and runs no more often than that needs", async () => {
    const runs: PromiseWithResolvers<number>[] = [];
    const shared = coalesce(() => {
      const run = Promise.withResolvers<number>();
      runs.push(run);
      return run.promise;
    });
    const first = shared();
    const second = shared();
    const third = shared();
    expect(runs).toHaveLength(1);
    runs[0]?.resolve(1);
    expect(await first).toBe(1);
    await Promise.resolve();
    runs[1]?.resolve(2);
    expect(await Promise.all([second, third])).toEqual([2, 2]);
    expect(runs).toHaveLength(2);
    const fourth = shared();
    runs[2]?.resolve(3);
    expect(await fourth).toBe(3);
  });

  it("fails those who shared the run that failed, and nobody else", async () => {
    let run = 0;
    const shared = coalesce(async () => {
      run += 1;
      if (run === 1) throw new Error("the first one fails");
      return run;
    });
    const first = shared();
    const second = shared();
    await expect(first).rejects.toThrow("the first one fails");
    expect(await second).toBe(2);
  });
});

describe("limited concurrency", () => {
  it("runs so many at a time and all of them in the end, failures too", async () => {
    const limit = limitConcurrency(3);
    let running = 0;
    let most = 0;
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) =>
        limit(async () => {
          running += 1;
          most = Math.max(most, running);
          await new Promise((resolve) => setImmediate(resolve));
          running -= 1;
          if (i % 4 === 0) throw new Error("one fails");
        }),
      ),
    );
    expect(most).toBe(3);
    expect(results.filter(({ status }) => status === "rejected")).toHaveLength(5);
  });
});
