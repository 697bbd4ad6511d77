import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FairQueue } from "./fair-queue.ts";

type Item = { readonly owner: string; readonly n: number };
/** An owner that comes with so many, or a group that takes so many. */
const steps = fc.array(
  fc.oneof(
    fc.record({ owner: fc.constantFrom("a", "b", "c", "d"), count: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ take: fc.integer({ min: 1, max: 30 }) }),
  ),
  { maxLength: 60 },
);

/** Puts in a queue what comes. @returns what got in, what did not, and what was taken with what waited of each owner before. */
function run(max: number, wished: readonly ({ owner: string; count: number } | { take: number })[]) {
  const queue = new FairQueue<Item>(max);
  const pushed: Item[] = [];
  const taken: Item[] = [];
  const waiting: Item[] = [];
  for (const step of wished) {
    if ("take" in step) {
      const group = queue.take(step.take);
      for (const item of group) waiting.splice(waiting.indexOf(item), 1);
      taken.push(...group);
      continue;
    }
    for (let n = 0; n < step.count; n += 1) {
      const item = { owner: step.owner, n: pushed.length };
      const own = waiting.filter(({ owner }) => owner === step.owner).length;
      const free = max - waiting.length;
      expect(queue.push(step.owner, item)).toBe(own < free);
      if (own >= free) continue;
      pushed.push(item);
      waiting.push(item);
    }
    expect(queue.size).toBe(waiting.length);
  }
  return { queue, pushed, taken };
}

const byOwner = (items: readonly Item[]) => Object.groupBy(items, ({ owner }) => owner);

describe("a fair queue", () => {
  it("loses nothing, gives nothing twice, and keeps each owner's order, never holding more than it may", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 100 }), steps, (max, wished) => {
        const { queue, pushed, taken } = run(max, wished);
        expect(queue.size).toBeLessThanOrEqual(max);
        const all = [...taken, ...queue.take(max)];
        expect(byOwner(all)).toEqual(byOwner(pushed));
        expect([queue.size, queue.owners]).toEqual([0, 0]);
      }),
    );
  });

  it("takes no more of one owner than one above what it takes of another that still waits", () => {
    const counts = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 2, maxLength: 8 });
    fc.assert(
      fc.property(counts, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 }), (own, groups) => {
        const queue = new FairQueue<number>(10_000);
        for (const [owner, count] of own.entries()) for (let n = 0; n < count; n += 1) queue.push(`${owner}`, owner);
        const got = own.map(() => 0);
        for (const count of groups) for (const owner of queue.take(count)) got[owner] = (got[owner] ?? 0) + 1;
        const waiting = got.filter((count, owner) => count < (own[owner] ?? 0));
        if (waiting.length > 0) expect(Math.max(...got) - Math.min(...waiting)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("takes a newcomer with its next turn, however much waits of another", () => {
    const queue = new FairQueue<string>(20_000);
    for (let n = 0; n < 9_000; n += 1) queue.push("noisy", "noisy");
    queue.take(1_000);
    queue.push("quiet", "quiet");
    expect(queue.take(2)).toContain("quiet");
  });

  it("gives an owner alone half of it, and two that ask for everything a third each", () => {
    const queue = new FairQueue<number>(900);
    const fill = (owner: string) => {
      let count = 0;
      while (queue.push(owner, 0)) count += 1;
      return count;
    };
    expect(fill("a")).toBe(450);
    expect(fill("b")).toBe(225);
    // As it empties, the one that had too much waits until the other has as much.
    for (let n = 0; n < 2_000; n += 1) {
      queue.take(1);
      fill("b");
      fill("a");
    }
    const rest = queue.take(900);
    expect(rest.length).toBeGreaterThan(590);
    expect(rest.length).toBeLessThan(610);
  });

  it("has room for one who has nothing in it, though twenty ask for everything", () => {
    const queue = new FairQueue<number>(2_100);
    for (let round = 0; round < 2_100; round += 1)
      for (let owner = 0; owner < 20; owner += 1) queue.push(`${owner}`, 0);
    expect(queue.size).toBe(2_000);
    for (let n = 0; n < 50; n += 1) expect(queue.push("quiet", 0)).toBe(true);
  });
});
