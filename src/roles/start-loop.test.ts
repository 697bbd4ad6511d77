import pino from "pino";
import { describe, expect, it } from "vitest";
import { startLoop } from "./start-loop.ts";

const log = pino({ level: "silent" });
const hour = 3_600_000;

describe("a loop", () => {
  it("ends at once when it is stopped in its pause", async () => {
    const begun = Promise.withResolvers<void>();
    const loop = startLoop("test", hour, log, async () => begun.resolve());
    await begun.promise;
    await loop[Symbol.asyncDispose]();
  });

  it("ends with its task when it is stopped in the middle of one, whether that fails or not", async () => {
    for (const failure of [undefined, new Error("the task failed")]) {
      const begun = Promise.withResolvers<void>();
      const release = Promise.withResolvers<void>();
      const loop = startLoop("test", hour, log, async () => {
        begun.resolve();
        await release.promise;
        if (failure !== undefined) throw failure;
      });
      await begun.promise;
      const stopping = loop[Symbol.asyncDispose]();
      release.resolve();
      await stopping;
    }
  });

  it("goes on after a failure", async () => {
    let times = 0;
    const twice = Promise.withResolvers<void>();
    const loop = startLoop("test", 1, log, async () => {
      times += 1;
      if (times === 1) throw new Error("the first time");
      twice.resolve();
    });
    await twice.promise;
    await loop[Symbol.asyncDispose]();
    expect(times).toBeGreaterThanOrEqual(2);
  });
});
