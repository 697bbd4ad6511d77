import { assign } from "../src/domain/experiment/assign.ts";
import { sampleSizeTwoProportions } from "../src/domain/experiment/sample-size.ts";
import { simulatePeeking } from "./peeking.ts";
import { seededRandom } from "./random.ts";
import { timeAnalyses } from "./time-analyses.ts";

export type StatsOptions = {
  /** A/A experiments, and as many with a true effect. */
  readonly tests: number;
  /** Users of the data that each analysis is timed on. */
  readonly users: number;
  readonly seed: number;
  readonly say: (line: string) => void;
};

const alpha = 0.05;
const usersATest = 10_000;
const every = 100;
const plan = { pA: 0.1, pB: 0.12, alpha, power: 0.8, ratio: 1 };

/** How often experiments claim what isn't there when looked at again and again, how often they find what is, and how long an
 *  analysis takes. */
export function benchStats({ tests, users, seed, say }: StatsOptions) {
  say(`Running ${tests} A/A experiments of ${usersATest} users, looked at after every ${every}.`);
  const random = seededRandom(seed);
  const same = simulatePeeking({ tests, users: usersATest, every, rateA: 0.1, rateB: 0.1, alpha, random });
  const { nA, nB } = sampleSizeTwoProportions({ ...plan, formula: "unpooled" });
  const planned = Math.ceil(nA) + Math.ceil(nB);
  say(`Running ${tests} experiments with a true effect and the ${planned} users planned for it.`);
  const other = simulatePeeking({
    tests,
    users: planned,
    every: planned,
    rateA: plan.pA,
    rateB: plan.pB,
    alpha,
    random,
  });
  say(`Analysing the data of ${users} users by each method.`);
  return {
    always_valid_false_positive: same.alwaysValid,
    fixed_false_positive_peeked: same.fixedPeeked,
    power_at_planned_n: other.fixedAtEnd,
    fixed_false_positive_at_end: same.fixedAtEnd,
    always_valid_power_at_planned_n: other.alwaysValidAtEnd,
    planned_n: planned,
    tests,
    users,
    analysis_ms: timeAnalyses(users, seededRandom(seed + 1)),
    assign_ms: timeAssignment(users),
  };
}

/** Milliseconds to assign so many users. */
function timeAssignment(users: number): number {
  const experiment = {
    salt: "bench",
    arms: [
      { name: "control", weight: 1 },
      { name: "treatment", weight: 1 },
    ],
    exposure: 1,
  };
  const startMs = performance.now();
  for (let i = 0; i < users; i += 1) assign(experiment, { userId: `user-${i}` });
  return Math.round(performance.now() - startMs);
}
