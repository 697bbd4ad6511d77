import { adjustPValues } from "./adjust-p-values.ts";
import type { Comparison, GuardrailResult } from "./comparison.ts";
import { type ArmSums, type ExperimentPlan, type Guardrail, listCompared, type Metric } from "./experiment-plan.ts";
import { intervalBy } from "./interval.ts";
import { type Effect, type Measured, measure } from "./measure.ts";
import { refuse } from "./refuse.ts";
import { sampleRatioMismatch } from "./sample-ratio-mismatch.ts";
import { toVerdict, type Verdict } from "./verdict.ts";

export type Analysis = {
  /** Of each arm's users having come by its weight; null with less than five expected in some arm. */
  readonly sampleRatioPValue: number | null;
  readonly comparisons: readonly Comparison[];
  readonly guardrails: readonly GuardrailResult[];
  readonly verdict: Verdict;
  /** Arms that may replace the control: better in the first goal, worse in none, and every guardrail holds. Empty when blocked. */
  readonly promotable: readonly string[];
};

/** Asked at every look, so it is stricter than a single question would need (Fabijan et al. 2019 use 0.0005 to 0.01). */
const SAMPLE_RATIO_ALPHA = 0.001;
const EXPECTED_MIN = 5;

/** What an experiment shows so far. Goals are two-sided tests, corrected over all goals and arms; guardrails have to hold all, so
 *  that they need no correction (an intersection-union test, R. L. Berger 1982) and use the two-sided interval at alpha, which is
 *  stricter than one-sided. A sample ratio mismatch blocks every claim.
 *  @throws InvalidInput for an arm or metric without sums, or sums that contradict each other. */
export function analyse(plan: ExperimentPlan, sums: readonly ArmSums[]): Analysis {
  const control = findArm(sums, plan.control);
  const variants = listCompared(plan).map(({ name }) => findArm(sums, name));
  const users = sums.reduce((total, arm) => total + arm.users, 0);
  const wait = findWait(plan, users);
  const look = (metric: Metric, arm: ArmSums): Measured =>
    wait === undefined ? measure(metric, control, arm) : { kind: "not_enough_data", reason: wait };

  const asked = plan.goals.flatMap((metric) => variants.map((arm) => ({ metric, arm, seen: look(metric, arm) })));
  const comparisons = compare(plan, asked, users);
  const guardrails = plan.guardrails.flatMap((guardrail) =>
    variants.map((arm) => guard(plan, { guardrail, arm: arm.name, seen: look(guardrail, arm), users })),
  );
  const sampleRatioPValue = checkRatio(plan, sums);
  const isBlocked = sampleRatioPValue !== null && sampleRatioPValue < SAMPLE_RATIO_ALPHA;
  return {
    sampleRatioPValue,
    comparisons,
    guardrails,
    verdict: toVerdict({ plan, sampleRatioPValue, isBlocked, comparisons, guardrails }),
    promotable: isBlocked
      ? []
      : variants.map(({ name }) => name).filter((arm) => isPromotable(arm, plan, comparisons, guardrails)),
  };
}

type Asked = { readonly metric: Metric; readonly arm: ArmSums; readonly seen: Measured };

function compare(plan: ExperimentPlan, asked: readonly Asked[], users: number): Comparison[] {
  const isSequential = plan.method.kind === "group_sequential";
  // Bounds of planned looks are made for one alpha, so there each comparison gets its share of it (Bonferroni).
  const alpha = isSequential ? plan.alpha / asked.length : plan.alpha;
  const toInterval = asked.some(({ seen }) => seen.kind === "measured")
    ? intervalBy(plan.method, { users, alpha })
    : undefined;
  const intervals = asked.map(({ seen }) => (seen.kind === "measured" ? toInterval?.(seen.difference) : undefined));
  const { adjusted } = adjustPValues({
    pValues: intervals.map((interval) => interval?.pValue ?? 1),
    procedure: plan.correction ?? "holm",
  });
  return asked.map(({ metric, arm, seen }, i) => {
    const interval = intervals[i];
    if (seen.kind === "not_enough_data" || interval === undefined || toInterval === undefined)
      return {
        arm: arm.name,
        metric,
        result: { kind: "not_enough_data", reason: seen.kind === "measured" ? "" : seen.reason },
      };
    const adjustedPValue = isSequential ? null : (adjusted[i] ?? 1);
    const isClear = interval.ciLow > 0 || interval.ciHigh < 0;
    const isClaimed = isClear && (adjustedPValue === null || adjustedPValue < plan.alpha);
    const lift = seen.lift === null ? null : { point: seen.lift.point, ...toInterval(seen.lift) };
    return {
      arm: arm.name,
      metric,
      result: {
        kind: "compared",
        meanControl: seen.meanA,
        meanArm: seen.meanB,
        difference: seen.difference.point,
        ...interval,
        lift,
        adjustedPValue,
        claim: isClaimed ? directionOf(metric, seen.difference) : "none",
      },
    };
  });
}

function guard(
  plan: ExperimentPlan,
  of: { readonly guardrail: Guardrail; readonly arm: string; readonly seen: Measured; readonly users: number },
): GuardrailResult {
  const { guardrail, arm, seen, users } = of;
  if (seen.kind === "not_enough_data" || seen.lift === null) return { arm, guardrail, state: "open", lift: null };
  const { ciLow, ciHigh } = intervalBy(plan.method, { users, alpha: plan.alpha })(seen.lift);
  // How much better, at worst and at best.
  const [worst, best] = (guardrail.better === "higher") === seen.meanA > 0 ? [ciLow, ciHigh] : [-ciHigh, -ciLow];
  const state = worst > -guardrail.margin ? "holds" : best < 0 ? "harmed" : "open";
  return { arm, guardrail, state, lift: { point: seen.lift.point, ciLow, ciHigh } };
}

function directionOf({ better }: Metric, { point }: Effect): "better" | "worse" {
  return point > 0 === (better === "higher") ? "better" : "worse";
}

/** Why nothing may be read yet by the method's own rules. */
function findWait({ method, wait }: ExperimentPlan, users: number): string | undefined {
  if (wait !== undefined) return wait;
  if (method.kind !== "fixed" || users >= method.plannedUsers) return undefined;
  return `${users} of ${method.plannedUsers} planned users are in, and a test of fixed size says nothing before`;
}

function checkRatio(plan: ExperimentPlan, sums: readonly ArmSums[]): number | null {
  const observed = plan.arms.map(({ name }) => toAssigned(findArm(sums, name)));
  const users = observed.reduce((total, count) => total + count, 0);
  const weightSum = plan.arms.reduce((sum, { weight }) => sum + weight, 0);
  if (plan.arms.length < 2 || plan.arms.some(({ weight }) => (weight / weightSum) * users < EXPECTED_MIN)) return null;
  return sampleRatioMismatch({
    observed,
    weights: plan.arms.map(({ weight }) => weight),
  }).pValue;
}

function isPromotable(
  arm: string,
  plan: ExperimentPlan,
  comparisons: readonly Comparison[],
  guardrails: readonly GuardrailResult[],
): boolean {
  const claims = comparisons.filter((one) => one.arm === arm);
  const claimOf = ({ result }: Comparison) => (result.kind === "compared" ? result.claim : "none");
  return (
    claims.some((one) => one.metric === plan.goals[0] && claimOf(one) === "better") &&
    claims.every((one) => claimOf(one) !== "worse") &&
    guardrails.every((one) => one.arm !== arm || one.state === "holds")
  );
}

const toAssigned = ({ assigned, users }: ArmSums) => assigned ?? users;

function findArm(sums: readonly ArmSums[], name: string): ArmSums {
  return sums.find((arm) => arm.name === name) ?? refuse("arms", `there are no sums of the arm "${name}"`);
}
