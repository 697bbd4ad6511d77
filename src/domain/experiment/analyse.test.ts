import { describe, expect, it, test } from "vitest";
import { InvalidInput } from "../errors.ts";
import { analyse } from "./analyse.ts";
import type { ArmSums, ExperimentPlan, Guardrail, Metric } from "./experiment-plan.ts";

const orders: Metric = { name: "orders", kind: "binary", better: "higher" };
const returns: Guardrail = { name: "returns", kind: "binary", better: "lower", margin: 0.2 };
const revenue: Metric = { name: "revenue", kind: "revenue", better: "higher" };

const plan: ExperimentPlan = {
  arms: [
    { name: "control", weight: 1 },
    { name: "bold", weight: 1 },
  ],
  control: "control",
  goals: [orders],
  guardrails: [],
  method: { kind: "always_valid" },
  alpha: 0.05,
};
const guarded: ExperimentPlan = { ...plan, guardrails: [returns] };

/** An arm with so many users and, of each binary metric, so many who did. */
const arm = (name: string, users: number, did: Readonly<Record<string, number>>): ArmSums => ({
  name,
  users,
  metrics: Object.fromEntries(Object.entries(did).map(([metric, sum]) => [metric, { sum }])),
});

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

  it("is never given on a guardrail whose direction it got wrong: less of what is better higher is a harm", () => {
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
    const impossible = { name: "bold", users: 1_000, metrics: { revenue: { sum: 1_000, sumSquares: 10 } } };
    const other = { name: "control", users: 1_000, metrics: { revenue: { sum: 1_000, sumSquares: 2_000 } } };
    expect(() => analyse({ ...plan, goals: [revenue] }, [other, impossible])).toThrow(/sum of squares/);
  });
});
