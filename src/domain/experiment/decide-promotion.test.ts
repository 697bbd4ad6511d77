import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it, test } from "vitest";
import { type Experiment, ExperimentSchema, GoalKind } from "../../../gen/intervention/v1/experiment_pb.js";
import { decidePromotion } from "./decide-promotion.ts";
import { type Group, toReport } from "./to-report.ts";

const DAY_MS = 86_400_000;
const START_MS = 1_800_000_000_000;
const experiment = (autoPromotion: object = {}, lowerIsBetter = false): Experiment =>
  create(ExperimentSchema, {
    ...{ experimentId: "e", control: "plain", startTime: timestampFromMs(START_MS), autoPromotion },
    variants: [
      { variantId: "plain", weight: 1 },
      { variantId: "bold", weight: 1 },
      { variantId: "warm", weight: 1 },
    ],
    goals: [{ goalId: "orders", kind: GoalKind.BINARY, lowerIsBetter }],
  });
const group = (arm: string, users: number, sum: number): Group => ({
  ...{ arm, stratum: "[]" },
  sums: { name: arm, users, metrics: { orders: { sum } } },
});
const decideAfter = (days: number, groups: readonly Group[], given = experiment()) => {
  const assigned = new Map(groups.map(({ arm, sums }) => [arm, sums.users]));
  return decidePromotion(
    given,
    toReport(given, { groups, assigned, entrants: new Map(), reached: undefined }),
    START_MS + days * DAY_MS,
  );
};
const BETTER = [group("plain", 5_000, 500), group("bold", 5_000, 800), group("warm", 5_000, 900)];
const HARM = [group("plain", 5_000, 500), group("bold", 5_000, 500), group("warm", 5_000, 200)];

describe("an experiment that ends by itself", () => {
  it("ships the variant that does best of those that may be shipped, in the report's own words", () => {
    const { action, reason, ...more } = decideAfter(8, BETTER);
    expect({ action, ...more }).toEqual({ action: "ship", variant: "warm" });
    expect(reason).toContain('"warm" does better than "plain" in "orders"');
    expect(reason).toContain("best so far of 2");
  });

  it("ships by the direction of the goal", () => {
    const less = [group("plain", 5_000, 900), group("bold", 5_000, 500), group("warm", 5_000, 600)];
    expect(decideAfter(8, less, experiment({}, true))).toMatchObject({ action: "ship", variant: "bold" });
  });

  test.each([
    ["its time has not come", 6, BETTER, /6 days of 7 days/],
    [
      "it has too few users",
      8,
      BETTER.map(({ arm, sums }) => group(arm, 900, (sums.metrics.orders?.sum ?? 0) / 5)),
      /of 1000 users/,
    ],
    ["nothing is shown", 8, BETTER.map(({ arm }) => group(arm, 5_000, 500)), /No difference/],
    ["users are missing", 8, [...BETTER.slice(0, 2), group("warm", 3_000, 600)], /did not get the users/],
    ["a variant does harm", 8, HARM, /worse/],
  ])("waits while %s", (_, days, groups, why) => {
    const promotion = decideAfter(days, groups);
    expect(promotion.action).toBe("wait");
    expect(promotion.reason).toMatch(why);
  });

  it("pauses at once when a variant does harm, where it is asked to", () => {
    expect(decideAfter(0, HARM, experiment({ pauseOnHarm: true }))).toMatchObject({ action: "pause" });
  });

  it("goes by the time and users it was given", () => {
    const given = experiment({ after: durationFromMs(DAY_MS), usersMin: 6_000n });
    expect(decideAfter(2, BETTER, given)).toMatchObject({ action: "wait" });
    expect(decideAfter(2, BETTER, experiment({ after: durationFromMs(DAY_MS) }))).toMatchObject({ action: "ship" });
  });
});
