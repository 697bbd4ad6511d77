import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import {
  type Experiment,
  ExperimentMethod_Kind,
  ExperimentMethod_Spending,
  ExperimentSchema,
  GoalKind,
  OrderMeasure,
} from "../../../gen/intervention/v1/experiment_pb.js";
import { listPlannedLooks, toPlan } from "./to-plan.ts";
import { type Group, toReport } from "./to-report.ts";
import { UserSums } from "./user-sums.ts";

const orders = { of: { case: "orders" as const, value: OrderMeasure.COUNT } };
const experiment = (changes: object = {}): Experiment =>
  create(ExperimentSchema, {
    ...{ experimentId: "e", control: "plain" },
    variants: [
      { variantId: "plain", weight: 2 },
      { variantId: "bold", weight: 2 },
      { variantId: "none", weight: 1, holdout: true },
    ],
    goals: [{ goalId: "orders", kind: GoalKind.BINARY, measure: orders }],
    method: { alpha: 0.05 },
    ...changes,
  });
const group = (arm: string, users: number, sum: number, stratum = "[]"): Group => ({
  ...{ arm, stratum },
  sums: { name: arm, users, metrics: { orders: { sum, sumSquares: sum } } },
});
const GROUPS = [group("plain", 4_000, 400), group("bold", 4_000, 600), group("none", 2_000, 100)];
const counts = (groups: readonly Group[]) => new Map(groups.map(({ arm, sums }) => [arm, sums.users]));
const report = (given: Experiment, groups: readonly Group[] = GROUPS, reached?: readonly number[]) =>
  toReport(given, { groups, assigned: counts(groups), entrants: new Map(), reached });

describe("a report", () => {
  it("compares variants with the control, and what was sent with what was not", () => {
    const { analysis, holdout } = report(experiment());
    expect(analysis.comparisons.map(({ arm }) => arm)).toEqual(["bold"]);
    expect(analysis.verdict.kind).toBe("better");
    expect(holdout?.treatedUsers).toBe(8_000);
    const [lift] = holdout?.comparisons ?? [];
    expect(lift?.result).toMatchObject({ kind: "compared", meanControl: 0.05, meanArm: 0.125, claim: "better" });
  });

  it("with a holdout as its control compares every variant with it", () => {
    const { analysis } = report(experiment({ control: "none" }));
    expect(analysis.comparisons.map(({ arm }) => arm)).toEqual(["plain", "bold"]);
  });

  it("is blocked by users missing from the holdout, and by some who are not measured yet", () => {
    const fewer = [GROUPS[0], GROUPS[1], group("none", 1_600, 80)].filter((one) => one !== undefined);
    expect(report(experiment(), fewer).analysis.verdict.kind).toBe("blocked");
    const assigned = new Map([...counts(GROUPS), ["bold", 6_000]]);
    const { analysis } = toReport(experiment(), { groups: GROUPS, assigned, entrants: new Map(), reached: undefined });
    expect(analysis.verdict.kind).toBe("blocked");
  });

  it("says how little a variant brings that brings nobody anything, and no lift that would seem exact", () => {
    const goals = [{ goalId: "orders", kind: GoalKind.REVENUE, measure: orders }];
    const { analysis } = report(
      experiment({ goals }),
      [GROUPS[0], group("bold", 4_000, 0), GROUPS[2]].filter((one) => one !== undefined),
    );
    const [comparison] = analysis.comparisons;
    expect(comparison?.result).toMatchObject({ kind: "compared", meanArm: 0, claim: "worse", lift: null });
  });

  it("is made of whatever users did, of every kind of goal and by every method", () => {
    const value = { of: { case: "orders" as const, value: OrderMeasure.VALUE } };
    const goals = [
      { goalId: "did", kind: GoalKind.BINARY, measure: orders },
      { goalId: "spent", kind: GoalKind.REVENUE, measure: value, currency: "EUR", winsorize: 0.9 },
      { goalId: "basket", kind: GoalKind.RATIO, measure: value, dividedBy: orders, currency: "EUR" },
    ];
    const spending = fc.array(fc.constantFrom(0, 0, 0, 0, 0.1, 19.99, 20, 1_000), { maxLength: 260, size: "max" });
    const nobody = fc.constant<number[]>(new Array(150).fill(0));
    const arm = fc.oneof(spending, nobody);
    const methods = fc.constantFrom(
      ...[undefined, ExperimentMethod_Kind.BAYESIAN].map((kind) => ({ ...(kind && { kind }) })),
    );
    fc.assert(
      fc.property(fc.tuple(arm, arm, arm), methods, fc.boolean(), (spent, method, isGuarded) => {
        const guardrails = isGuarded
          ? [{ margin: 0.1, goal: { goalId: "more", kind: GoalKind.MEAN, measure: orders } }]
          : [];
        const given = experiment({ goals, method, guardrails });
        const metrics = ["did", "spent", "basket", ...(isGuarded ? ["more"] : [])].map((name) => ({
          ...{ name, winsorize: name === "spent" ? 0.9 : undefined },
        }));
        const sums = new UserSums(metrics);
        for (const [arm, amounts] of spent.entries())
          for (const amount of amounts) {
            const did = Number(amount > 0);
            const values = [{ value: did }, { value: amount, before: amount % 7 }, { value: amount, denominator: did }];
            const { variantId = "" } = given.variants[arm] ?? {};
            sums.add({ arm: variantId, stratum: "[]", values: [...values, { value: did }] });
          }
        const { analysis } = report(given, sums.close());
        expect(analysis.verdict.sentences.length).toBeGreaterThan(0);
      }),
      { numRuns: 60 },
    );
  });

  it("has nobody in it before anybody came", () => {
    const { analysis, arms, strata } = report(experiment(), []);
    expect(arms.map(({ users }) => users)).toEqual([0, 0, 0]);
    expect(analysis.verdict.kind).toBe("not_enough_data");
    expect(strata).toEqual([]);
  });

  it("gives each group its share of alpha, so that what holds for all need not be claimed of each", () => {
    const halves = ["[1]", "[2]"].flatMap((stratum) => [
      ...[group("plain", 2_000, 200, stratum), group("bold", 2_000, stratum === "[1]" ? 350 : 205, stratum)],
      group("none", 1_000, 50, stratum),
    ]);
    const assigned = new Map([...[["plain", 4_000] as const, ["bold", 4_000] as const, ["none", 2_000] as const]]);
    const { strata } = toReport(experiment(), { groups: halves, assigned, entrants: new Map(), reached: undefined });
    const claims = strata.map(({ comparisons }) => comparisons.map(({ result }) => "claim" in result && result.claim));
    expect(strata.map(({ stratum, users }) => [stratum, users])).toEqual([
      ["[1]", 5_000],
      ["[2]", 5_000],
    ]);
    expect(claims).toEqual([["better"], ["none"]]);
    const whole = report(experiment(), halves.slice(0, 3)).analysis.comparisons[0]?.result;
    const part = strata[0]?.comparisons[0]?.result;
    const width = (result: typeof whole) => (result?.kind === "compared" ? result.ciHigh - result.ciLow : 0);
    expect(width(part)).toBeGreaterThan(width(whole));
  });

  it("tells beliefs beside what is claimed where it is asked for, by the direction of the goal", () => {
    const { analysis, beliefs } = report(experiment({ method: { kind: ExperimentMethod_Kind.BAYESIAN } }));
    expect(beliefs).toHaveLength(analysis.comparisons.length);
    expect(beliefs[0]?.chanceToWin).toBeGreaterThan(0.999);
    expect(beliefs[0]?.expectedLoss).toBeLessThan(1e-4);
    const goals = [{ goalId: "orders", kind: GoalKind.BINARY, measure: orders, lowerIsBetter: true }];
    const turned = report(experiment({ method: { kind: ExperimentMethod_Kind.BAYESIAN }, goals }));
    expect(turned.beliefs[0]?.chanceToWin).toBeLessThan(0.001);
    expect(turned.analysis.verdict.kind).toBe("harm");
    expect(report(experiment()).beliefs).toEqual([undefined]);
  });
});

describe("planned looks", () => {
  const looks = [0.25, 0.5, 1];
  const sequential = experiment({
    plannedUsers: 10_000n,
    method: { kind: ExperimentMethod_Kind.GROUP_SEQUENTIAL, spending: ExperimentMethod_Spending.POCOCK, looks },
  });
  const fixed = experiment({ plannedUsers: 10_000n, method: { kind: ExperimentMethod_Kind.FIXED } });

  it("are at their shares of the planned users, and none where one may look whenever one likes", () => {
    expect(listPlannedLooks(sequential)).toEqual([2_500, 5_000, 10_000]);
    expect(listPlannedLooks(fixed)).toEqual([10_000]);
    expect(listPlannedLooks(experiment())).toBeUndefined();
  });

  test.each([
    ["before the first", sequential, []],
    ["before the only one", fixed, []],
  ])("say nothing %s", (_, given, reached) => {
    const { analysis } = report(given, GROUPS, reached);
    expect(analysis.verdict).toMatchObject({ kind: "not_enough_data" });
    expect(analysis.verdict.sentences[0]).toContain("the first look is planned at");
  });

  it("allow for those before them", () => {
    expect(toPlan(sequential, [2_500, 5_000]).method).toMatchObject({ spending: "pocock", earlierLooks: [2_500] });
    const width = (reached: readonly number[]) => {
      const [first] = report(sequential, GROUPS, reached).analysis.comparisons;
      return first?.result.kind === "compared" ? first.result.ciHigh - first.result.ciLow : 0;
    };
    const atOnce = report(fixed, GROUPS, [10_000]).analysis.comparisons[0]?.result;
    expect(atOnce).toMatchObject({ kind: "compared", claim: "better" });
    expect(width([2_500, 5_000, 10_000])).toBeGreaterThan(width([10_000]));
  });
});
