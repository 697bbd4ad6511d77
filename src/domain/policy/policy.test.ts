import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NO_EVIDENCE, observe, toPosterior } from "./arm-evidence.ts";
import { chooseArm, withLeast } from "./choose-arm.ts";
import { evaluateOffPolicy, type LoggedRound } from "./off-policy-evaluation.ts";

const dayMs = 86_400_000;
const reward = fc.double({ min: 0, max: 1, noNaN: true });
const outcomes = fc.array(fc.record({ reward, at: fc.nat(400 * dayMs) }), { maxLength: 12 });
/** Probabilities of three actions, none below 1/20. */
const policy = fc
  .array(fc.double({ min: 0.1, max: 1, noNaN: true }), { minLength: 3, maxLength: 3 })
  .map((weights) => weights.map((weight) => weight / weights.reduce((a, b) => a + b, 0)));

describe("evidence of an arm", () => {
  const prior = { alpha: 1, beta: 9 };
  const posterior = (list: readonly { reward: number; at: number }[], now: number, halfLifeMs: number) =>
    toPosterior(
      list.reduce((evidence, outcome) => observe(evidence, outcome, halfLifeMs), NO_EVIDENCE),
      prior,
      { now, halfLifeMs },
    );

  it("is the same in whatever order outcomes come, however late", () => {
    fc.assert(
      fc.property(outcomes, fc.integer({ min: 1, max: 60 }), (list, days) => {
        const now = 400 * dayMs;
        const inOrder = posterior(list, now, days * dayMs);
        const reversed = posterior([...list].reverse(), now, days * dayMs);
        expect(reversed.alpha).toBeCloseTo(inOrder.alpha, 10);
        expect(reversed.beta).toBeCloseTo(inOrder.beta, 10);
      }),
    );
  });

  it("counts each outcome as one, half a one after a half-life, and lets the arm return to the prior", () => {
    const list = [{ reward: 1, at: 0 }];
    expect(posterior(list, 0, dayMs)).toEqual({ alpha: 2, beta: 9 });
    expect(posterior(list, dayMs, dayMs)).toEqual({ alpha: 1.5, beta: 9 });
    expect(posterior(list, 1_000 * dayMs, dayMs).alpha).toBeCloseTo(1, 12);
    expect(posterior(list, 1_000 * dayMs, Number.POSITIVE_INFINITY)).toEqual({ alpha: 2, beta: 9 });
  });

  it("parts an outcome that is neither a success nor a failure", () => {
    expect(posterior([{ reward: 0.25, at: 0 }], 0, dayMs)).toEqual({ alpha: 1.25, beta: 9.75 });
  });
});

describe("a choice", () => {
  it("is the same for the same seed, and tells the probability it was made with", () => {
    fc.assert(
      fc.property(policy, fc.string(), (probabilities, seed) => {
        const choice = chooseArm(probabilities, seed);
        expect(choice.propensity).toBe(probabilities[choice.arm]);
        expect(chooseArm(probabilities, seed)).toEqual(choice);
      }),
    );
  });

  it("falls on each arm as often as its propensity says", () => {
    const probabilities = [0.5, 0, 0.3, 0.2];
    const counts = [0, 0, 0, 0];
    const rounds = 20_000;
    for (let i = 0; i < rounds; i++) {
      const { arm } = chooseArm(probabilities, `decision-${i}`);
      counts[arm] = (counts[arm] ?? 0) + 1;
    }
    expect(counts[1]).toBe(0);
    // Four standard deviations of a binomial count.
    for (const [arm, p] of probabilities.entries()) {
      expect(Math.abs((counts[arm] ?? 0) - rounds * p)).toBeLessThanOrEqual(4 * Math.sqrt(rounds * p * (1 - p)));
    }
  });

  it("keeps a least probability for every arm, and the sum 1", () => {
    fc.assert(
      fc.property(policy, fc.double({ min: 0, max: 1 / 3, noNaN: true }), (probabilities, least) => {
        const floored = withLeast(probabilities, least);
        expect(floored.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
        expect(Math.min(...floored)).toBeGreaterThanOrEqual(least);
      }),
    );
  });
});

describe("what another policy would have earned", () => {
  const rewards = fc.array(reward, { minLength: 3, maxLength: 3 });
  const estimates = fc.array(reward, { minLength: 3, maxLength: 3 });

  /** Every action once, as often as the logging policy takes it: the mean of `ips` over the log is then its expectation. */
  const expectationOf = (
    { logging, target, rewards, model }: Record<"logging" | "target" | "rewards" | "model", number[]>,
    of: "ips" | "dr",
  ) =>
    logging.reduce((sum, propensity, action) => {
      const round: LoggedRound = { action, reward: rewards[action] ?? 0, propensity, target, rewardModel: model };
      // Two equal rounds have the value of one.
      return sum + propensity * evaluateOffPolicy([round, round], 0.05)[of].value;
    }, 0);
  const truth = (target: readonly number[], rewards: readonly number[]) =>
    target.reduce((sum, probability, action) => sum + probability * (rewards[action] ?? 0), 0);

  it("is met in expectation by inverse propensities, and by doubly robust estimates however wrong the model is", () => {
    fc.assert(
      fc.property(policy, policy, rewards, estimates, (logging, target, earned, model) => {
        const problem = { logging, target, rewards: earned, model };
        expect(expectationOf(problem, "ips")).toBeCloseTo(truth(target, earned), 10);
        expect(expectationOf(problem, "dr")).toBeCloseTo(truth(target, earned), 10);
      }),
    );
  });

  it("is met by doubly robust and direct estimates whatever the propensities were, if the model is right", () => {
    fc.assert(
      fc.property(policy, rewards, fc.array(fc.nat(2), { minLength: 2, maxLength: 9 }), (target, earned, actions) => {
        const rounds = actions.map((action) => ({
          action,
          reward: earned[action] ?? 0,
          propensity: 0.77,
          target,
          rewardModel: earned,
        }));
        const { dm, dr } = evaluateOffPolicy(rounds, 0.05);
        expect(dm.value).toBeCloseTo(truth(target, earned), 10);
        expect(dr.value).toBeCloseTo(truth(target, earned), 10);
      }),
    );
  });

  it("is the mean of what was earned when the other policy is the one that was followed", () => {
    fc.assert(
      fc.property(policy, rewards, fc.array(fc.nat(2), { minLength: 2, maxLength: 9 }), (target, earned, actions) => {
        const rounds = actions.map((action) => ({
          action,
          reward: earned[action] ?? 0,
          propensity: target[action] ?? 1,
          target,
          rewardModel: [0, 0, 0],
        }));
        const mean = rounds.reduce((sum, round) => sum + round.reward, 0) / rounds.length;
        const { ips, snips, dr } = evaluateOffPolicy(rounds, 0.05);
        for (const { value } of [ips, snips, dr]) expect(value).toBeCloseTo(mean, 10);
      }),
    );
  });

  it("has wider intervals for more confidence", () => {
    const rounds = [1, 0, 1].map((value, action) => ({
      action,
      reward: value,
      propensity: 0.3,
      target: [0.2, 0.3, 0.5],
      rewardModel: [0.5, 0.5, 0.5],
    }));
    const width = (alpha: number) => {
      const { low, high } = evaluateOffPolicy(rounds, alpha).dr;
      return high - low;
    };
    expect(width(0.01)).toBeGreaterThan(width(0.05));
    // 2·1.959963985… standard errors.
    expect(width(0.05) / evaluateOffPolicy(rounds, 0.05).dr.standardError).toBeCloseTo(3.919927969080108, 12);
  });
});
