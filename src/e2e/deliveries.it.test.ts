import { describe, expect, it } from "vitest";
import { benchDeliver } from "../../bench/deliver.ts";

describe("delivering while workers, the provider and NATS are killed, paused and slowed", () => {
  it("loses nothing, and sends nothing twice that is not marked", { timeout: 180_000 }, async () => {
    const result = await benchDeliver({ deliveries: 2_000, isKilling: true, everyMs: 1_200, say: () => undefined });
    expect(result).toMatchObject({ lost: 0, twice: 0 });
    // It did meet it at work.
    expect(result.disturbances).toBeGreaterThan(5);
  });
});
