import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { Experiment } from "../../../gen/intervention/v1/experiment_pb.js";
import { withLeast } from "../policy/choose-arm.ts";
import { thompsonAllocation } from "../statistics/thompson-allocation.ts";
import { currentShares } from "./current-shares.ts";
import type { ArmSums } from "./experiment-plan.ts";
import type { Report } from "./to-report.ts";

/** The shares that newcomers get from now on, in the order of the variants, and why in words. */
export type Allocated =
  | { readonly action: "wait"; readonly reason: string }
  | {
      readonly action: "allocate";
      readonly shares: readonly number[];
      /** Of groups of whom enough was learnt. */
      readonly contexts: readonly { readonly context: string; readonly shares: readonly number[] }[];
      readonly reason: string;
    };

const DAY_MS = 86_400_000;
/** Each variant has so many that are measured before anything is learnt of them. */
const USERS_MIN = 100;
export const EXPLORATION = 0.05;
/** Groups that learn each for itself, the largest. */
const CONTEXTS_MAX = 20;
/** Shares that would move by less stay. */
const MOVED_MIN = 0.01;
/** One a day for a year; then the last one stays. */
const ALLOCATIONS_MAX = 366;

/** Thompson sampling: a newcomer gets each variant as often as it is, by what was measured of the first goal, probably the best; but never
 *  with less than the exploration, and no more than that where the variant harms a guardrail. A holdout keeps its share. Once a day, so
 *  that under each allocation there are enough users to compare.
 *  The prior of each rate is uniform. @param of.sums of each arm, as they were counted: how shares were given tells nothing of a rate. */
export function decideAllocation(
  experiment: Experiment,
  { analysis, counted, contexts: seen }: Pick<Report, "analysis" | "counted" | "contexts">,
  nowMs: number,
): Allocated {
  const { adaptive, allocations, startTime, variants } = experiment;
  if (analysis.verdict.kind === "blocked") return { action: "wait", reason: analysis.verdict.sentences.join(" ") };
  const since = allocations.at(-1)?.startTime ?? startTime;
  if (since === undefined || nowMs - timestampMs(since) < DAY_MS)
    return { action: "wait", reason: "shares change once a day" };
  if (allocations.length >= ALLOCATIONS_MAX)
    return { action: "wait", reason: "shares have changed as often as they may" };
  const treated = variants.filter(({ holdout }) => !holdout).map(({ variantId }) => variantId);
  const arms = treated.flatMap((id) => counted.find(({ name }) => name === id) ?? []);
  const fewest = arms.toSorted((a, b) => a.users - b.users)[0];
  if (fewest === undefined || fewest.users < USERS_MIN)
    return { action: "wait", reason: `"${fewest?.name}" has ${fewest?.users} of ${USERS_MIN} users that are measured` };
  const harmed = new Set(analysis.guardrails.filter(({ state }) => state === "harmed").map(({ arm }) => arm));
  const allocate = (some: readonly ArmSums[]) => {
    const chances = toChances(experiment, some);
    const wanted = withoutHarmed(treated, chances, harmed);
    return { chances, shares: toShares(experiment, withLeast(wanted, adaptive?.exploration || EXPLORATION)) };
  };
  const { chances, shares } = allocate(arms);
  const contexts = seen
    .map(({ context, arms: own }) => ({ context, arms: own.filter(({ name }) => treated.includes(name)) }))
    .filter((one) => one.arms.every(({ users }) => users >= USERS_MIN))
    .slice(0, CONTEXTS_MAX)
    .map((one) => ({ context: one.context, shares: allocate(one.arms).shares }));
  const isStill = (context: string, wanted: readonly number[]) => {
    const before = currentShares(experiment, context);
    return wanted.every((share, i) => Math.abs(share - (before[i] ?? 0)) < MOVED_MIN);
  };
  if (isStill("", shares) && contexts.every((one) => isStill(one.context, one.shares)))
    return { action: "wait", reason: "shares would hardly move" };
  const told = treated.map((id, i) => {
    const share = shares[variants.findIndex(({ variantId }) => variantId === id)] ?? 0;
    const why = harmed.has(id) ? "harms a guardrail" : `best with probability ${toText(chances[i] ?? 0)}`;
    return `"${id}" ${toText(share)} (${why})`;
  });
  const others = contexts.length === 0 ? "" : ` ${contexts.length} groups get shares of their own.`;
  return { action: "allocate", shares, contexts, reason: `Newcomers get ${told.join(", ")}.${others}` };
}

/** With which probability each is the best in the first goal. */
function toChances({ goals }: Experiment, arms: readonly ArmSums[]): number[] {
  const [goal] = goals;
  return thompsonAllocation(
    arms.map(({ metrics, users }) => {
      const did = metrics[goal?.goalId ?? ""]?.sum ?? 0;
      const [won, lost] = goal?.lowerIsBetter === true ? [users - did, did] : [did, users - did];
      return { alpha: 1 + won, beta: 1 + lost };
    }),
  );
}

/** What harms gets nothing beyond the exploration; where all do, they are as they were. */
function withoutHarmed(ids: readonly string[], chances: readonly number[], harmed: ReadonlySet<string>): number[] {
  const left = chances.map((chance, i) => (harmed.has(ids[i] ?? "") ? 0 : chance));
  const sum = left.reduce((total, chance) => total + chance, 0);
  return sum === 0 ? [...chances] : left.map((chance) => chance / sum);
}

/** A holdout's share is its weight's. */
function toShares({ variants }: Experiment, treatedShares: readonly number[]): number[] {
  const sum = variants.reduce((total, { weight }) => total + weight, 0);
  const held = variants.reduce((total, { holdout, weight }) => total + (holdout ? weight / sum : 0), 0);
  let next = 0;
  return variants.map(({ holdout, weight }) => {
    if (holdout) return weight / sum;
    next += 1;
    return (1 - held) * (treatedShares[next - 1] ?? 0);
  });
}

const toText = (share: number) => `${Number((100 * share).toPrecision(3))} %`;
