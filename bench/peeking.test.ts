import { describe, expect, it } from "vitest";
import { sampleSizeTwoProportions } from "../src/domain/experiment/sample-size.ts";
import { simulatePeeking } from "./peeking.ts";
import { seededRandom } from "./random.ts";

describe("experiments that are looked at again and again", () => {
  const rates = [0.02, 0.1, 0.5];

  it.each(rates)(
    "err at most 5 % of the time by the always-valid interval, and far more by the fixed test, at rate %s",
    (rate) => {
      const claims = simulatePeeking({
        tests: 600,
        users: 5_000,
        every: 100,
        rateA: rate,
        rateB: rate,
        alpha: 0.05,
        random: seededRandom(11),
      });
      expect(claims.alwaysValid).toBeLessThanOrEqual(0.05);
      expect(claims.fixedPeeked).toBeGreaterThan(0.15);
      expect(claims.fixedAtEnd).toBeLessThan(0.08);
    },
  );

  it("find an effect with the power planned for, at the size planned for it", () => {
    const plan = { pA: 0.1, pB: 0.14, alpha: 0.05, power: 0.8, ratio: 1 };
    const { nA, nB } = sampleSizeTwoProportions({ ...plan, formula: "unpooled" });
    const users = Math.ceil(nA) + Math.ceil(nB);
    const claims = simulatePeeking({
      tests: 1_500,
      users,
      every: users,
      rateA: plan.pA,
      rateB: plan.pB,
      alpha: plan.alpha,
      random: seededRandom(12),
    });
    // Four standard errors of 1,500 tests.
    expect(Math.abs(claims.fixedAtEnd - plan.power)).toBeLessThan(0.042);
  });
});
