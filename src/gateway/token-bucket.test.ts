import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TokenBucket } from "./token-bucket.ts";

describe("a token bucket", () => {
  it("lets a burst through, then so many a second", () => {
    const limits = { burst: 3, perSecond: 10 };
    const bucket = new TokenBucket(limits, 0);
    expect([0, 0, 0, 0, 50, 100, 100].map((at) => bucket.take(limits, at))).toEqual([
      true,
      true,
      true,
      false,
      false,
      true,
      false,
    ]);
  });

  it("never lets more through than burst and rate allow, whatever the times", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 50 }),
        fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 200 }),
        (burst, perSecond, steps) => {
          const limits = { burst, perSecond };
          const bucket = new TokenBucket(limits, 0);
          let now = 0;
          const taken = steps.filter((step) => {
            now += step;
            return bucket.take(limits, now);
          }).length;
          expect(taken).toBeLessThanOrEqual(burst + (now * perSecond) / 1_000 + 1e-6);
        },
      ),
    );
  });
});
