import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SharedBuckets } from "./shared-buckets.ts";

const limit = { ratePerS: 100, burst: 50 };
const wanted = [{ id: "w", limit }];
const limitOf = () => limit;
const takeAll = (buckets: SharedBuckets, nowMs: number) => {
  let taken = 0;
  while (buckets.take(wanted, { nowMs, cost: 1 }).kind === "taken") taken += 1;
  return taken;
};

/** Nodes that tell each other at once, every so many milliseconds. */
function tellAll(nodes: readonly SharedBuckets[], nowMs: number): void {
  for (const [from, node] of nodes.entries()) {
    const uses = node.tell();
    for (const [to, other] of nodes.entries()) if (to !== from) other.hear(`node-${from}`, uses, { nowMs, limitOf });
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
    there.hear("here", here.tell(), { nowMs: 0, limitOf });
    here.take(wanted, { nowMs: 0, cost: 10 });
    here.tell();
    here.take(wanted, { nowMs: 0, cost: 10 });
    const third = here.tell();
    there.hear("here", third, { nowMs: 0, limitOf });
    there.hear("here", third, { nowMs: 0, limitOf });
    expect(there.look(wanted[0] as (typeof wanted)[0], 0).tokens).toBe(50 - 1 - 30);
  });

  it("hold nothing against a caller who kept to the limit elsewhere before he came here", () => {
    const [here, there] = [new SharedBuckets(), new SharedBuckets()];
    for (let nowMs = 0; nowMs < 3_600_000; nowMs += 100) {
      expect(there.take(wanted, { nowMs, cost: 10 })).toEqual({ kind: "taken" });
      here.hear("there", there.tell(), { nowMs, limitOf });
    }
    expect(here.take(wanted, { nowMs: 3_600_000, cost: 50 })).toEqual({ kind: "taken" });
  });

  it("let N bursts pass when stormed everywhere at once, and nothing more until that is paid back", () => {
    const nodes = [new SharedBuckets(), new SharedBuckets(), new SharedBuckets()];
    expect(nodes.map((node) => takeAll(node, 0))).toEqual([50, 50, 50]);
    tellAll(nodes, 0);
    // Three bursts are a burst and a second's worth of debt.
    for (const nowMs of [100, 500, 990]) expect(nodes.map((node) => takeAll(node, nowMs))).toEqual([0, 0, 0]);
    expect(nodes[0] && takeAll(nodes[0], 1_100)).toBe(10);
  });

  it("never let more pass than the bound says, whoever calls when and whenever they tell", () => {
    const step = fc.record({
      afterMs: fc.integer({ min: 0, max: 200 }),
      node: fc.integer({ min: 0, max: 2 }),
      cost: fc.integer({ min: 1, max: 50 }),
      calls: fc.integer({ min: 1, max: 60 }),
      isTold: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
        const nodes = [new SharedBuckets(), new SharedBuckets(), new SharedBuckets()];
        const passed: { atMs: number; cost: number }[] = [];
        const clock = { nowMs: 0, toldMs: 0, untoldMsMax: 0 };
        for (const { afterMs, node, cost, calls, isTold } of steps) {
          clock.nowMs += afterMs;
          const { nowMs } = clock;
          clock.untoldMsMax = Math.max(clock.untoldMsMax, nowMs - clock.toldMs);
          for (let n = 0; n < calls; n += 1)
            if (nodes[node]?.take(wanted, { nowMs, cost }).kind === "taken") passed.push({ atMs: nowMs, cost });
          if (!isTold) continue;
          tellAll(nodes, nowMs);
          clock.toldMs = nowMs;
        }
        const most = (windowMs: number) =>
          3 * limit.burst + (limit.ratePerS * (windowMs + 2 * clock.untoldMsMax)) / 1_000;
        for (const [first, { atMs: fromMs }] of passed.entries()) {
          let sum = 0;
          for (const { atMs, cost } of passed.slice(first)) {
            sum += cost;
            expect(sum).toBeLessThanOrEqual(most(atMs - fromMs) + 0.01);
          }
        }
      }),
    );
  });

  it("go on by shares of what each took of late, which add up to the rate", () => {
    const nodes = [new SharedBuckets(), new SharedBuckets(), new SharedBuckets()];
    for (let nowMs = 0; nowMs < 10_000; nowMs += 100) {
      // One node gets nearly all of the calls, as it does when a client keeps one connection.
      for (const [index, node] of nodes.entries()) node.take(wanted, { nowMs, cost: index === 0 ? 8 : 1 });
      tellAll(nodes, nowMs);
    }
    for (const node of nodes) node.setCutOff(true, 10_000);
    for (const node of nodes) takeAll(node, 10_000);
    const taken = nodes.map((node) => {
      let sum = 0;
      for (let nowMs = 10_000; nowMs <= 20_000; nowMs += 50) sum += takeAll(node, nowMs);
      return sum;
    });
    const sum = taken.reduce((total, one) => total + one, 0);
    expect(sum).toBeGreaterThan(limit.ratePerS * 10 * 0.95);
    expect(sum).toBeLessThanOrEqual(limit.ratePerS * 10 + 3);
    expect(taken[0]).toBeGreaterThan(5 * (taken[1] ?? 0));
  });

  it("hold nothing against anybody that was taken within the shares, once they hear each other again", () => {
    const [a, b] = [new SharedBuckets(), new SharedBuckets()];
    b.hear("a", [], { nowMs: 0, limitOf });
    for (const node of [a, b]) node.setCutOff(true, 0);
    for (let nowMs = 0; nowMs < 3_000; nowMs += 100) takeAll(a, nowMs);
    for (const node of [a, b]) node.setCutOff(false, 3_000);
    b.hear("a", a.tell(), { nowMs: 3_000, limitOf });
    expect(takeAll(b, 3_000)).toBe(50);
  });

  it("forget what has been full and idle, and nothing else", () => {
    const buckets = new SharedBuckets();
    takeAll(buckets, 0);
    buckets.tell();
    buckets.sweep(59_000);
    expect(buckets.look({ id: "w", limit }, 0).tokens).toBe(0);
    buckets.sweep(61_000);
    expect(buckets.look({ id: "w", limit }, 61_000).tokens).toBe(50);
  });
});
