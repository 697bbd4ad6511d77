import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it, test } from "vitest";
import { type Experiment, ExperimentSchema, GoalKind } from "../../../gen/intervention/v1/experiment_pb.js";
import { currentShares, parseStratum } from "./current-shares.ts";
import { decideAllocation } from "./decide-allocation.ts";
import { type Group, toReport } from "./to-report.ts";

const DAY_MS = 86_400_000;
const START_MS = 1_800_000_000_000;
const experiment = (changes: object = {}): Experiment =>
  create(ExperimentSchema, {
    ...{ experimentId: "e", control: "plain", startTime: timestampFromMs(START_MS), adaptive: { exploration: 0.05 } },
    variants: [
      { variantId: "plain", weight: 2 },
      { variantId: "bold", weight: 2 },
      { variantId: "warm", weight: 2 },
      { variantId: "none", weight: 1.5, holdout: true },
    ],
    goals: [{ goalId: "orders", kind: GoalKind.BINARY }],
    guardrails: [{ margin: 0.05, goal: { goalId: "complaints", kind: GoalKind.BINARY, lowerIsBetter: true } }],
    ...changes,
  });
const group = (arm: string, users: number, sum: number, { complaints = users / 10, stratum = "[0]" } = {}): Group => ({
  ...{ arm, stratum },
  sums: { name: arm, users, metrics: { orders: { sum }, complaints: { sum: complaints } } },
});
const GROUPS = [
  group("plain", 2_000, 200),
  group("bold", 2_000, 300),
  group("warm", 2_000, 210),
  group("none", 1_500, 75),
];
const sumBy = (groups: readonly Group[], key: (group: Group) => string) => {
  const sums = new Map<string, number>();
  for (const one of groups) sums.set(key(one), (sums.get(key(one)) ?? 0) + one.sums.users);
  return sums;
};
const report = (given: Experiment, groups: readonly Group[]) =>
  toReport(given, {
    groups,
    assigned: sumBy(groups, ({ arm }) => arm),
    entrants: sumBy(groups, ({ stratum }) => stratum),
    reached: undefined,
  });
const decide = (given: Experiment, groups: readonly Group[] = GROUPS, days = 1) =>
  decideAllocation(given, report(given, groups), START_MS + days * DAY_MS);

describe("what newcomers get", () => {
  it("is each variant as often as it is probably the best, never less than the exploration; a holdout keeps its share", () => {
    const allocated = decide(experiment());
    if (allocated.action !== "allocate") throw new Error(allocated.reason);
    const [plain = 0, bold = 0, warm = 0, none = 0] = allocated.shares;
    expect(none).toBeCloseTo(0.2, 12);
    expect(plain + bold + warm).toBeCloseTo(0.8, 12);
    expect(bold).toBeGreaterThan(0.8 * 0.89);
    expect(Math.min(plain, warm)).toBeGreaterThanOrEqual(0.8 * 0.05 - 1e-12);
    expect(allocated.reason).toMatch(/Newcomers get "plain" .* "bold" 72 % \(best with probability 100 %\)/);
  });

  it("is the exploration alone of what harms a guardrail, however well it does", () => {
    const harmful = [GROUPS[0], group("bold", 2_000, 300, { complaints: 400 }), GROUPS[2], GROUPS[3]];
    const allocated = decide(
      experiment(),
      harmful.filter((one) => one !== undefined),
    );
    expect(allocated.action === "allocate" && allocated.shares[1]).toBeCloseTo(0.8 * 0.05, 12);
    expect(allocated.reason).toContain('"bold" 4 % (harms a guardrail)');
  });

  it("is what does less where less is better", () => {
    const goals = [{ goalId: "orders", kind: GoalKind.BINARY, lowerIsBetter: true }];
    const allocated = decide(experiment({ goals }));
    expect(allocated.action === "allocate" && allocated.shares[0]).toBeGreaterThan(0.4);
  });

  test.each([
    ["within a day", experiment(), GROUPS, 0.9, /once a day/],
    [
      "within a day of the last change",
      experiment({ allocations: [{ startTime: timestampFromMs(START_MS + DAY_MS), shares: [0.2, 0.2, 0.4, 0.2] }] }),
      ...([GROUPS, 1.5, /once a day/] as const),
    ],
    ["while there are few", experiment(), GROUPS.map(({ arm }) => group(arm, 90, 9)), 1, /90 of 100 users/],
    [
      "while users are missing",
      experiment(),
      [...GROUPS.slice(0, 2), group("warm", 900, 90), GROUPS[3]].filter((one) => one !== undefined),
      1,
      /did not get/,
    ],
  ])("stays %s", (_, given, groups, days, why) => {
    const allocated = decide(given, groups, days);
    expect(allocated.action).toBe("wait");
    expect(allocated.reason).toMatch(why);
  });

  it("stays where it would hardly move", () => {
    const first = decide(experiment());
    const allocations = [
      { startTime: timestampFromMs(START_MS), shares: first.action === "allocate" ? first.shares : [] },
    ];
    expect(decide(experiment({ allocations }))).toMatchObject({ action: "wait", reason: "shares would hardly move" });
  });

  it("is by weight before the first change, and then by the newest", () => {
    expect(currentShares(experiment())).toEqual([2 / 7.5, 2 / 7.5, 2 / 7.5, 1.5 / 7.5]);
    const allocations = [{ shares: [0.4, 0.2, 0.2, 0.2] }, { shares: [0.1, 0.6, 0.1, 0.2] }];
    expect(currentShares(experiment({ allocations }))).toEqual([0.1, 0.6, 0.1, 0.2]);
  });
});

describe("groups that learn each for itself", () => {
  const grouped = experiment({ stratifyBy: ["plan"], guardrails: [] });
  const of = (plan: string, allocation = 0) => ({ stratum: JSON.stringify([allocation, plan]) });
  const gold = [
    group("plain", 500, 150, of("gold")),
    group("bold", 500, 50, of("gold")),
    group("warm", 500, 50, of("gold")),
  ];
  const rest = [
    group("plain", 500, 50, of("rest")),
    group("bold", 500, 150, of("rest")),
    group("warm", 500, 50, of("rest")),
  ];
  const few = [group("plain", 20, 2, of("few")), group("bold", 20, 2, of("few")), group("warm", 20, 2, of("few"))];
  const none = [group("none", 780, 78, of("rest"))];

  it("get what does better among themselves, once enough is known of them; others what does better among all", () => {
    const allocated = decide(grouped, [...gold, ...rest, ...few, ...none]);
    if (allocated.action !== "allocate") throw new Error(allocated.reason);
    expect(allocated.contexts.map(({ context }) => context).toSorted((a, b) => a.localeCompare(b))).toEqual([
      ...['["gold"]', '["rest"]'],
    ]);
    const next = experiment({
      ...grouped,
      allocations: [{ shares: [...allocated.shares], contexts: [...allocated.contexts] }],
    });
    const best = (context: string) => {
      const shares = currentShares(next, context);
      return shares.indexOf(Math.max(...shares));
    };
    expect([best('["gold"]'), best('["rest"]')]).toEqual([0, 1]);
    expect(currentShares(next, '["few"]')).toEqual(allocated.shares);
    expect(allocated.reason).toContain("2 groups get shares of their own");
  });

  it("are expected by their own shares, and compared within them", () => {
    const shares = [0.25, 0.25, 0.25, 0.25];
    const contexts = [{ context: '["gold"]', shares: [0.7, 0.1, 0.1, 0.1] }];
    const after = [
      ...[group("plain", 700, 210, of("gold", 1)), group("bold", 100, 30, of("gold", 1))],
      ...[group("warm", 100, 30, of("gold", 1)), group("none", 100, 30, of("gold", 1))],
      ...["plain", "bold", "warm", "none"].map((arm) => group(arm, 250, 25, of("rest", 1))),
    ];
    const { analysis, arms, expected } = report(experiment({ ...grouped, allocations: [{ shares, contexts }] }), after);
    expect(expected).toEqual([950, 350, 350, 350]);
    expect(analysis.sampleRatioPValue).toBeCloseTo(1, 6);
    for (const { metrics, users } of arms) expect((metrics.orders?.sum ?? 0) / users).toBeCloseTo(0.2, 10);
  });

  test.each([
    ["[]", 0, ""],
    ["[0]", 0, ""],
    ["[12]", 12, ""],
    ['[3,"gold",null]', 3, '["gold",null]'],
  ])("are told from the stratum %s", (stratum, allocation, context) => {
    expect(parseStratum(stratum)).toEqual({ allocation, context });
  });
});

describe("a report of shares that changed", () => {
  const changed = experiment({ allocations: [{ shares: [0.1, 0.6, 0.1, 0.2] }], guardrails: [] });
  // Nothing differs, but everybody orders more often in the second half, when most get "bold".
  const later = { stratum: "[1]" };
  const groups = [
    ...[group("plain", 2_000, 200), group("bold", 2_000, 200), group("warm", 2_000, 200), group("none", 1_500, 150)],
    ...[group("plain", 750, 225, later), group("bold", 4_500, 1_350, later)],
    ...[group("warm", 750, 225, later), group("none", 1_500, 450, later)],
  ];

  it("claims nothing where times changed and variants don't differ, and expects the users that shares gave", () => {
    const { analysis, arms, counted, expected } = report(changed, groups);
    expect(analysis.verdict.kind).toBe("no_difference");
    for (const { metrics, users } of arms) expect((metrics.orders?.sum ?? 0) / users).toBeCloseTo(0.2, 10);
    expect(counted[1]?.metrics.orders?.sum).toBe(1_550);
    expect(expected).toEqual([2_750, 6_500, 2_750, 3_000]);
    expect(analysis.sampleRatioPValue).toBeCloseTo(1, 6);
  });

  it("is blocked by users missing under one allocation", () => {
    const missing = groups.map((one) =>
      one.arm === "bold" && one.stratum === "[1]" ? group("bold", 3_900, 1_170, later) : one,
    );
    expect(report(changed, missing).analysis.verdict.kind).toBe("blocked");
  });
});
