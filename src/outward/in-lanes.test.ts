import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inLanes } from "./in-lanes.ts";

describe("lanes", () => {
  it("run each item once, in order within its lane, up to the first that fails, and never more than so many at a time", async () => {
    const items = fc.array(fc.record({ lane: fc.constantFrom("a", "b", "c", "d"), isGood: fc.boolean() }), {
      maxLength: 40,
    });
    await fc.assert(
      fc.asyncProperty(items, fc.integer({ min: 1, max: 5 }), async (all, lanesMax) => {
        const ran: typeof all = [];
        let running = 0;
        await inLanes(all, {
          ...{ lanesMax, laneOf: ({ lane }) => lane, isOver: () => false },
          run: async (item) => {
            running += 1;
            expect(running).toBeLessThanOrEqual(lanesMax);
            ran.push(item);
            await Promise.resolve();
            running -= 1;
            return item.isGood;
          },
        });
        for (const lane of ["a", "b", "c", "d"]) {
          const own = all.filter((item) => item.lane === lane);
          const bad = own.findIndex(({ isGood }) => !isGood);
          expect(ran.filter((item) => item.lane === lane)).toEqual(bad < 0 ? own : own.slice(0, bad + 1));
        }
      }),
    );
  });
});
