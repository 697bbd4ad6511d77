import { describe, expect, test } from "vitest";
import { analyse } from "./analyse.ts";
import type { ArmSums, ExperimentPlan } from "./experiment-plan.ts";
import { arm, guarded, orders, plan, revenue } from "./testing/experiment-fixtures.ts";

type Case = {
  readonly circumstance: string;
  readonly plan: ExperimentPlan;
  readonly sums: readonly ArmSums[];
  readonly kind: string;
  readonly sentences: readonly string[];
  readonly promotable?: readonly string[];
};

const cases: readonly Case[] = [
  {
    circumstance: "an arm is clearly better",
    plan,
    sums: [arm("control", 10_000, { orders: 1_000 }), arm("bold", 10_000, { orders: 1_200 })],
    kind: "better",
    sentences: [
      '"bold" does better than "control" in "orders": 12 % against 10 %, a difference of +2 points (95 % interval +0.617 to +3.38 points, p = 0.000284).',
    ],
    promotable: ["bold"],
  },
  {
    circumstance: "an arm is clearly worse",
    plan,
    sums: [arm("control", 10_000, { orders: 1_200 }), arm("bold", 10_000, { orders: 1_000 })],
    kind: "harm",
    sentences: [
      '"bold" does worse than "control" in "orders": 10 % against 12 %, a difference of -2 points (95 % interval -3.38 to -0.617 points, p = 0.000284).',
    ],
  },
  {
    circumstance: "lower is better, and the arm has less",
    plan: { ...plan, goals: [{ ...orders, better: "lower" }] },
    sums: [arm("control", 10_000, { orders: 1_200 }), arm("bold", 10_000, { orders: 1_000 })],
    kind: "better",
    sentences: [
      '"bold" does better than "control" in "orders": 10 % against 12 %, a difference of -2 points (95 % interval -3.38 to -0.617 points, p = 0.000284).',
    ],
    promotable: ["bold"],
  },
  {
    circumstance: "the difference would do for a single look, but not for looking at any time",
    plan,
    sums: [arm("control", 10_000, { orders: 1_000 }), arm("bold", 10_000, { orders: 1_100 })],
    kind: "no_difference",
    sentences: [
      'No difference between "bold" and "control" in "orders" has been shown; the data agree with anything from -0.356 to +2.36 points.',
    ],
  },
  {
    circumstance: "the same was planned as a single look",
    plan: { ...plan, method: { kind: "fixed", plannedUsers: 20_000 } },
    sums: [arm("control", 10_000, { orders: 1_000 }), arm("bold", 10_000, { orders: 1_100 })],
    kind: "better",
    sentences: [
      '"bold" does better than "control" in "orders": 11 % against 10 %, a difference of +1 points (95 % interval +0.15 to +1.85 points, p = 0.0211).',
    ],
    promotable: ["bold"],
  },
  {
    circumstance: "a planned single look comes too early",
    plan: { ...plan, method: { kind: "fixed", plannedUsers: 20_001 } },
    sums: [arm("control", 10_000, { orders: 1_000 }), arm("bold", 10_000, { orders: 2_000 })],
    kind: "not_enough_data",
    sentences: [
      'Not enough data for "bold": 20000 of 20001 planned users are in, and a test of fixed size says nothing before.',
    ],
  },
  {
    circumstance: "the second of four planned looks crosses its boundary",
    plan: {
      ...plan,
      method: { kind: "group_sequential", plannedUsers: 40_000, spending: "obrien_fleming", earlierLooks: [10_000] },
    },
    sums: [arm("control", 10_000, { orders: 1_000 }), arm("bold", 10_000, { orders: 1_200 })],
    kind: "better",
    sentences: [
      '"bold" does better than "control" in "orders": 12 % against 10 %, a difference of +2 points (95 % interval +0.689 to +3.31 points, beyond the boundary of this look).',
    ],
    promotable: ["bold"],
  },
  {
    circumstance: "there are too few users",
    plan,
    sums: [arm("control", 99, { orders: 20 }), arm("bold", 101, { orders: 50 })],
    kind: "not_enough_data",
    sentences: ['Not enough data for "bold": each arm needs 100 users, and "control" has 99.'],
  },
  {
    circumstance: "hardly anybody did what counts",
    plan,
    sums: [arm("control", 10_000, { orders: 50 }), arm("bold", 10_000, { orders: 9 })],
    kind: "not_enough_data",
    sentences: ['Not enough data for "bold": each arm needs 10 of "orders", and "bold" has 9.'],
  },
  {
    circumstance: "hardly anybody did not",
    plan,
    sums: [arm("control", 1_000, { orders: 995 }), arm("bold", 1_000, { orders: 900 })],
    kind: "not_enough_data",
    sentences: ['Not enough data for "bold": each arm needs 10 users without "orders", and "control" has 5.'],
  },
  {
    circumstance: "an amount was the same for everybody",
    plan: { ...plan, goals: [revenue] },
    sums: ["control", "bold"].map((name) => ({
      name,
      users: 500,
      metrics: { revenue: { sum: 500 * 0.1, sumSquares: 500 * 0.1 ** 2 } },
    })),
    kind: "not_enough_data",
    sentences: ['Not enough data for "bold": "revenue" has been the same for everybody.'],
  },
  {
    circumstance: "an arm has lost users, however good it looks",
    plan,
    sums: [arm("control", 10_000, { orders: 1_000 }), arm("bold", 9_400, { orders: 1_400 })],
    kind: "blocked",
    sentences: [
      "The arms did not get the users that their weights say (p = 0.0000165), so no comparison can be trusted: find what loses or adds users of one arm first.",
    ],
  },
  {
    circumstance: "it is better and the guardrail holds",
    plan: guarded,
    sums: [
      arm("control", 10_000, { orders: 1_000, returns: 2_000 }),
      arm("bold", 10_000, { orders: 1_200, returns: 1_990 }),
    ],
    kind: "better",
    sentences: [
      '"bold" does better than "control" in "orders": 12 % against 10 %, a difference of +2 points (95 % interval +0.617 to +3.38 points, p = 0.000284).',
    ],
    promotable: ["bold"],
  },
  {
    circumstance: "it is better and the guardrail is open",
    plan: guarded,
    sums: [
      arm("control", 10_000, { orders: 1_000, returns: 200 }),
      arm("bold", 10_000, { orders: 1_200, returns: 210 }),
    ],
    kind: "promising",
    sentences: [
      '"bold" does better than "control" in "orders": 12 % against 10 %, a difference of +2 points (95 % interval +0.617 to +3.38 points, p = 0.000284).',
      'That "bold" makes "returns" no more than 20 % worse is not shown yet (so far -27.1 % to +37.1 %): wait for it.',
    ],
  },
  {
    circumstance: "it is better and the guardrail has no data",
    plan: guarded,
    sums: [arm("control", 10_000, { orders: 1_000, returns: 2 }), arm("bold", 10_000, { orders: 1_200, returns: 1 })],
    kind: "promising",
    sentences: [
      '"bold" does better than "control" in "orders": 12 % against 10 %, a difference of +2 points (95 % interval +0.617 to +3.38 points, p = 0.000284).',
      'That "bold" makes "returns" no more than 20 % worse is not shown yet (there is not enough data): wait for it.',
    ],
  },
  {
    circumstance: "it is better and the guardrail is harmed",
    plan: guarded,
    sums: [
      arm("control", 10_000, { orders: 1_000, returns: 1_000 }),
      arm("bold", 10_000, { orders: 1_200, returns: 1_300 }),
    ],
    kind: "harm",
    sentences: [
      '"bold" does better than "control" in "orders": 12 % against 10 %, a difference of +2 points (95 % interval +0.617 to +3.38 points, p = 0.000284).',
      '"bold" harms "returns": +30 % (+13.9 % to +46.1 %), where 20 % was allowed.',
    ],
  },
];

describe("the verdict", () => {
  test.each(cases)("when $circumstance", ({ plan: asked, sums, kind, sentences, promotable }) => {
    const analysis = analyse(asked, sums);
    expect(analysis.verdict).toEqual({ kind, sentences });
    expect(analysis.promotable).toEqual(promotable ?? []);
  });
});
