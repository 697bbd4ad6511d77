import { describe, expect, it } from "vitest";
import { regretBound } from "../src/domain/policy/regret-bound.ts";
import { simulateBandit } from "./simulate-bandit.ts";

const share = (taken: readonly number[], arm: number) => taken.filter((one) => one === arm).length / taken.length;

describe("the bandit, in a simulation with known rates", () => {
  it("finds the best channel, at a regret near the least that is possible", () => {
    const rates = [0.05, 0.12, 0.2, 0.08];
    const { taken, regret } = simulateBandit({
      ratesAt: () => rates,
      rounds: 8_000,
      batch: 50,
      halfLife: Number.POSITIVE_INFINITY,
      seed: 7,
    });
    expect(share(taken.slice(-2_000), 2)).toBeGreaterThan(0.95);
    const bound = regretBound(rates, 8_000);
    const lost = regret.at(-1)?.lost ?? 0;
    // The bound is asymptotic, and learning by batches costs a little: loose on both sides. Choosing evenly loses 700.
    expect(lost).toBeGreaterThan(0.3 * bound);
    expect(lost).toBeLessThan(3 * bound);
  });

  it("follows a change of rates when outcomes fade, and hardly does when they don't", () => {
    const run = (halfLife: number) =>
      simulateBandit({
        ratesAt: (round) => (round < 4_000 ? [0.3, 0.1] : [0.05, 0.25]),
        rounds: 8_000,
        batch: 100,
        halfLife,
        seed: 3,
      });
    const lostBy = (halfLife: number) => run(halfLife).regret.at(-1)?.lost ?? 0;
    expect(share(run(500).taken.slice(-2_000), 1)).toBeGreaterThan(0.8);
    expect(lostBy(500)).toBeLessThan(lostBy(Number.POSITIVE_INFINITY));
  });
});

describe("the least regret by Lai and Robbins", () => {
  it("is the sum over worse arms of gap over divergence, times ln of the rounds", () => {
    // Arms 0.5 and 0.25: KL(0.25 ‖ 0.5) = 0.25·ln 0.5 + 0.75·ln 1.5 = 0.130812…; 0.25 / that = 1.911138…
    expect(regretBound([0.5, 0.25], Math.E)).toBeCloseTo(0.25 / (0.25 * Math.log(0.5) + 0.75 * Math.log(1.5)), 12);
    expect(regretBound([0.5, 0.5], 1_000)).toBe(0);
  });
});
