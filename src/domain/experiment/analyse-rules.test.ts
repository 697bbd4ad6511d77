import { describe, expect, it } from "vitest";
import { InvalidInput } from "../errors.ts";
import { analyse } from "./analyse.ts";
import type { ArmSums, ExperimentPlan, Guardrail, Metric } from "./experiment-plan.ts";
import { arm, orders, plan, revenue } from "./testing/experiment-fixtures.ts";

describe("an analysis", () => {
  const three: ExperimentPlan = { ...plan, arms: [...plan.arms, { name: "gentle", weight: 2 }] };

  it("of several better arms names no best one, and allows for having asked several questions", () => {
    const { verdict, promotable, comparisons } = analyse(three, [
      arm("control", 10_000, { orders: 1_000 }),
      arm("bold", 10_000, { orders: 1_200 }),
      arm("gentle", 20_000, { orders: 2_600 }),
    ]);
    expect(verdict).toEqual({
      kind: "better",
      sentences: [
        '"bold" does better than "control" in "orders": 12 % against 10 %, a difference of +2 points (95 % interval +0.617 to +3.38 points, p = 0.000284 after allowing for 2 comparisons).',
        '"gentle" does better than "control" in "orders": 13 % against 10 %, a difference of +3 points (95 % interval +1.78 to +4.22 points, p = 1.21e-12 after allowing for 2 comparisons).',
        "Which of them is best has not been tested.",
      ],
    });
    expect(promotable).toEqual(["bold", "gentle"]);
    expect(comparisons.map(({ arm: name }) => name)).toEqual(["bold", "gentle"]);
  });

  it("claims nothing that holds alone but not beside the other questions", () => {
    const sums = [arm("control", 5_000, { orders: 500 }), arm("bold", 5_000, { orders: 612 })];
    const alone = analyse({ ...plan, method: { kind: "fixed", plannedUsers: 10_000 }, alpha: 0.0005 }, sums);
    expect(alone.verdict.kind).toBe("better");
    const beside = analyse({ ...three, method: { kind: "fixed", plannedUsers: 10_000 }, alpha: 0.0005 }, [
      ...sums,
      arm("gentle", 10_000, { orders: 1_000 }),
    ]);
    expect(beside.verdict.kind).toBe("no_difference");
    expect(beside.promotable).toEqual([]);
  });

  it("widens the interval of planned looks for each further question", () => {
    const sums = [
      arm("control", 10_000, { orders: 1_000, visits: 5_000 }),
      arm("bold", 10_000, { orders: 1_150, visits: 5_000 }),
    ];
    const method = {
      kind: "group_sequential",
      plannedUsers: 20_000,
      spending: "pocock",
      earlierLooks: [10_000],
    } as const;
    const width = (goals: readonly Metric[]) => {
      const result = analyse({ ...plan, method, goals }, sums).comparisons[0]?.result;
      return result?.kind === "compared" ? result.ciHigh - result.ciLow : Number.NaN;
    };
    expect(width([orders, { ...orders, name: "visits" }]) / width([orders])).toBeGreaterThan(1.1);
  });

  it("promotes no arm that is worse in another goal", () => {
    const { verdict, promotable } = analyse({ ...plan, goals: [orders, revenue] }, [
      {
        name: "control",
        users: 10_000,
        metrics: { orders: { sum: 1_000 }, revenue: { sum: 50_000, sumSquares: 750_000 } },
      },
      {
        name: "bold",
        users: 10_000,
        metrics: { orders: { sum: 1_300 }, revenue: { sum: 44_000, sumSquares: 620_000 } },
      },
    ]);
    expect(verdict.kind).toBe("harm");
    expect(verdict.sentences[1]).toBe(
      '"bold" does worse than "control" in "revenue": 4.4 against 5, a difference of -0.6 (95 % interval -0.901 to -0.299, p = 3.78e-8 after allowing for 2 comparisons).',
    );
    expect(promotable).toEqual([]);
  });

  it("takes less of what is better higher for a harm in a guardrail", () => {
    const margin: Guardrail = { ...orders, name: "logins", margin: 0.05 };
    const sums = (logins: number) => [
      arm("control", 10_000, { orders: 1_000, logins: 5_000 }),
      arm("bold", 10_000, { orders: 1_200, logins }),
    ];
    const state = (logins: number) => analyse({ ...plan, guardrails: [margin] }, sums(logins)).guardrails[0]?.state;
    expect([state(6_000), state(5_000), state(4_850), state(4_500)]).toEqual(["holds", "holds", "open", "harmed"]);
  });

  it("uses what was known before to narrow the interval, if both arms have it", () => {
    // The metric is that of before plus noise of the same size.
    const before = { sum: 30_000, sumSquares: 130_000, sumProducts: 130_000 };
    const withBefore = (name: string): ArmSums => ({
      name,
      users: 10_000,
      metrics: { revenue: { sum: 30_000, sumSquares: 170_000, before } },
    });
    const without = (name: string): ArmSums => ({
      name,
      users: 10_000,
      metrics: { revenue: { sum: 30_000, sumSquares: 170_000 } },
    });
    const width = (sums: readonly ArmSums[]) => {
      const result = analyse({ ...plan, goals: [revenue] }, sums).comparisons[0]?.result;
      return result?.kind === "compared" ? result.ciHigh - result.ciLow : Number.NaN;
    };
    const plain = width([without("control"), without("bold")]);
    expect(width([withBefore("control"), without("bold")])).toBe(plain);
    // Variance 8 before, 4 of it known.
    expect(width([withBefore("control"), withBefore("bold")]) / plain).toBeCloseTo(Math.SQRT1_2, 4);
  });

  it("of a ratio compares the ratios of the sums", () => {
    const basket: Metric = { name: "basket", kind: "ratio", better: "higher" };
    const ratio = (name: string, sum: number): ArmSums => ({
      name,
      users: 10_000,
      metrics: {
        basket: {
          sum,
          sumSquares: sum * 50,
          denominator: { sum: 2_000, sumSquares: 3_000, sumProducts: sum * 1.2 },
        },
      },
    });
    const { verdict } = analyse({ ...plan, goals: [basket] }, [ratio("control", 80_000), ratio("bold", 90_000)]);
    expect(verdict.kind).toBe("better");
    expect(verdict.sentences[0]).toContain("45 against 40, a difference of +5 ");
  });

  it("is refused for an arm or a metric without sums, and for sums that no numbers have", () => {
    const control = arm("control", 1_000, { orders: 100 });
    expect(() => analyse(plan, [control])).toThrow(InvalidInput);
    expect(() => analyse(plan, [control, arm("bold", 1_000, {})])).toThrow(/no sums of "orders"/);
    expect(() => analyse(plan, [control, arm("bold", 1_000, { orders: 1_001 })])).toThrow(/1001 of 1000 users/);
    const impossible = { name: "bold", users: 1_000, metrics: { revenue: { sum: 1_000, sumSquares: 10 } } };
    const other = { name: "control", users: 1_000, metrics: { revenue: { sum: 1_000, sumSquares: 2_000 } } };
    expect(() => analyse({ ...plan, goals: [revenue] }, [other, impossible])).toThrow(/sum of squares/);
  });
});
