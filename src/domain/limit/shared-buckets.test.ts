import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SharedBuckets } from "./shared-buckets.ts";

const limit = { ratePerS: 100, burst: 50 };
const wanted = [{ id: "w", limit }];

/** Nodes that tell each other at once, every so many milliseconds. */
function tellAll(nodes: readonly SharedBuckets[], nowMs: number): void {
  for (const [from, node] of nodes.entries()) {
    const uses = node.tell();
    for (const [to, other] of nodes.entries()) if (to !== from) other.hear(`node-${from}`, uses, nowMs);
  }
}

describe("buckets that nodes share", () => {
  it("let three stormed nodes pass no more together than they say, and pay the overshoot back", () => {
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 200 }), fc.integer({ min: 1, max: 20 }), (everyMs, cost) => {
        const nodes = [new SharedBuckets(), new SharedBuckets(), new SharedBuckets()];
        let passed = 0;
        const endMs = 4_000;
        for (let nowMs = 0; nowMs <= endMs; nowMs += 5) {
          for (const node of nodes) if (node.take(wanted, { nowMs, cost }).kind === "taken") passed += cost;
          if (nowMs % everyMs < 5) tellAll(nodes, nowMs);
        }
        const delayS = (everyMs + 5) / 1_000;
        const most =
          limit.burst + (limit.ratePerS * endMs) / 1_000 + 2 * (limit.burst + limit.ratePerS * delayS) + 3 * cost;
        expect(passed).toBeLessThanOrEqual(most);
        // Paid back: over a long time it is the rate that counts, not the number of nodes.
        expect(passed).toBeGreaterThanOrEqual((limit.ratePerS * endMs) / 1_000 - limit.burst);
      }),
      { numRuns: 40 },
    );
  });

  it("take nothing of any bucket when one of them refuses", () => {
    const buckets = new SharedBuckets();
    const both = [
      { id: "key", limit: { ratePerS: 10, burst: 100 } },
      { id: "workspace", limit: { ratePerS: 10, burst: 5 } },
    ];
    expect(buckets.take(both, { nowMs: 0, cost: 5 })).toEqual({ kind: "taken" });
    expect(buckets.take(both, { nowMs: 0, cost: 1 })).toEqual({ kind: "refused", index: 1, waitMs: 100 });
    expect(buckets.look(both[0] as (typeof both)[0], 0).tokens).toBe(95);
  });

  it("go on by their share while they hear nobody", () => {
    const nodes = [new SharedBuckets(), new SharedBuckets()];
    // Both know of each other, and have taken alike.
    for (const node of nodes) node.take(wanted, { nowMs: 0, cost: 10 });
    tellAll(nodes, 0);
    for (const node of nodes) node.setCutOff(true, 0);
    let passed = 0;
    for (let nowMs = 0; nowMs <= 10_000; nowMs += 10)
      for (const node of nodes) if (node.take(wanted, { nowMs, cost: 1 }).kind === "taken") passed += 1;
    expect(passed).toBeLessThanOrEqual(2 * limit.burst + limit.ratePerS * 10 + 2);
    expect(passed).toBeGreaterThanOrEqual(limit.ratePerS * 10 - 2 * limit.burst);
  });

  it("count a message that was lost with the next one, and a repeated one not at all", () => {
    const [here, there] = [new SharedBuckets(), new SharedBuckets()];
    there.take(wanted, { nowMs: 0, cost: 1 });
    here.take(wanted, { nowMs: 0, cost: 10 });
    there.hear("here", here.tell(), 0);
    here.take(wanted, { nowMs: 0, cost: 10 });
    here.tell();
    here.take(wanted, { nowMs: 0, cost: 10 });
    const third = here.tell();
    there.hear("here", third, 0);
    there.hear("here", third, 0);
    expect(there.look(wanted[0] as (typeof wanted)[0], 0).tokens).toBe(50 - 1 - 30);
  });
});
