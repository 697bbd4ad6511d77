import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Bucket, fullBucket, type RateLimit, refill, take } from "./token-bucket.ts";

const limits = fc.record({
  ratePerS: fc.oneof(fc.integer({ min: 1, max: 50_000 }), fc.double({ min: 0.01, max: 100, noNaN: true })),
  burst: fc.integer({ min: 1, max: 2_000 }),
});
/** Below one a second, the rounding allowed is more than a millisecond's worth. */
const wholeLimits = fc.record({
  ratePerS: fc.integer({ min: 1, max: 500 }),
  burst: fc.integer({ min: 1, max: 2_000 }),
});
const calls = fc.array(
  fc.record({
    afterMs: fc.oneof(fc.constant(0), fc.integer({ min: -50, max: 3_000 })),
    cost: fc.integer({ min: 1, max: 100 }),
  }),
  { maxLength: 60 },
);

/** What passes of these calls, with their times: by the latest that the clock has shown, since what it takes back is not lived twice. */
function run(limit: RateLimit, wished: readonly { readonly afterMs: number; readonly cost: number }[]) {
  let nowMs = 1_000;
  let bucket = fullBucket(limit, nowMs);
  const passed: { atMs: number; cost: number }[] = [];
  for (const { afterMs, cost } of wished) {
    nowMs += afterMs;
    const taken = take(bucket, limit, { nowMs, cost });
    if (taken.kind === "taken") passed.push({ atMs: taken.bucket.atMs, cost });
    bucket = taken.bucket;
  }
  return { passed, bucket, nowMs };
}

describe("a token bucket", () => {
  it("lets at most burst + rate · t pass in any window of t, also under a clock that steps back", () => {
    fc.assert(
      fc.property(limits, calls, (limit, wished) => {
        const { passed } = run(limit, wished);
        for (const [first, { atMs: fromMs }] of passed.entries()) {
          let sum = 0;
          let toMs = fromMs;
          for (const { atMs, cost } of passed.slice(first)) {
            sum += cost;
            toMs = Math.max(toMs, atMs);
            expect(sum).toBeLessThanOrEqual(limit.burst + (limit.ratePerS * (toMs - fromMs)) / 1_000 + 0.01);
          }
        }
      }),
    );
  });

  it("counts a step back of the clock as no time at all", () => {
    const limit = { ratePerS: 35, burst: 33 };
    const { passed } = run(limit, [
      { afterMs: 0, cost: 22 },
      { afterMs: 29, cost: 13 },
      { afterMs: -1, cost: 12 },
    ]);
    expect(passed).toEqual([
      { atMs: 1_000, cost: 22 },
      { atMs: 1_029, cost: 12 },
    ]);
  });

  it("lets everything pass that keeps to the rate", () => {
    fc.assert(
      fc.property(limits, fc.integer({ min: 1, max: 50 }), (limit, count) => {
        const wished = Array.from({ length: count }, () => ({ afterMs: 1_000 / limit.ratePerS, cost: 1 }));
        expect(run(limit, wished).passed).toHaveLength(count);
      }),
    );
  });

  it("has the tokens after the wait it names, and not before", () => {
    fc.assert(
      fc.property(wholeLimits, calls, fc.integer({ min: 1, max: 2_000 }), (limit, wished, cost) => {
        const { bucket, nowMs } = run(limit, wished);
        const later = Math.max(nowMs, bucket.atMs);
        const refused = take(bucket, limit, { nowMs: later, cost });
        if (refused.kind !== "refused" || refused.waitMs < 2) return;
        const tryAt = (atMs: number) => take(refused.bucket, limit, { nowMs: atMs, cost }).kind;
        expect(tryAt(later + refused.waitMs)).toBe("taken");
        expect(tryAt(later + refused.waitMs - 2)).toBe("refused");
      }),
    );
  });

  it("takes nothing for a call that it refuses", () => {
    const limit = { ratePerS: 10, burst: 5 };
    const bucket: Bucket = { tokens: 3, atMs: 0 };
    expect(take(bucket, limit, { nowMs: 0, cost: 4 })).toEqual({ kind: "refused", bucket, waitMs: 100 });
    expect(take(bucket, limit, { nowMs: 0, cost: 3 })).toMatchObject({ kind: "taken", bucket: { tokens: 0 } });
  });

  it("says of more than it ever holds that it never will be there", () => {
    const limit = { ratePerS: 10, burst: 5 };
    expect(take(fullBucket(limit, 0), limit, { nowMs: 60_000, cost: 6 }).kind).toBe("never");
  });

  it("holds no more than a burst that was made smaller meanwhile", () => {
    expect(refill({ tokens: 100, atMs: 5 }, { ratePerS: 1, burst: 10 }, 5).tokens).toBe(10);
  });
});
