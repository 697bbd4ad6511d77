import { adjustArms } from "./cuped-test.ts";
import type { ArmSums, Metric, MetricSums } from "./experiment-plan.ts";
import { type Estimate, toEstimate } from "./moments.ts";
import { toRatioEstimate } from "./ratio-metric-test.ts";
import { refuse } from "./refuse.ts";
import { relativeLift } from "./relative-lift.ts";

/** An estimate that a method puts an interval around. */
export type Effect = {
  readonly point: number;
  /** Squared standard error. */
  readonly error: number;
  /** Users of both arms. */
  readonly n: number;
  /** Welch's degrees of freedom. */
  readonly df: number;
};

/** Two arms in one metric: as they are, and what differs. */
export type Measured =
  | {
      readonly kind: "measured";
      readonly meanA: number;
      readonly meanB: number;
      readonly difference: Effect;
      /** Null when the control's mean is 0, or b's and nothing varies in it. */
      readonly lift: Effect | null;
    }
  | { readonly kind: "not_enough_data"; readonly reason: string };

/** Below them a mean's distribution is too far from normal for any method here. */
const USERS_MIN = 100;
const CONVERSIONS_MIN = 10;

/** Compares b with the control a, or says why it can't be yet.
 *  @throws InvalidInput for sums that contradict each other. */
export function measure(metric: Metric, a: ArmSums, b: ArmSums): Measured {
  const reason = [a, b].map((arm) => findLack(metric, arm)).find((lack) => lack !== undefined);
  if (reason !== undefined) return { kind: "not_enough_data", reason };
  const [estimateA, estimateB] = toEstimates(metric, a, b);
  const [errorA, errorB] = [estimateA.variance / estimateA.n, estimateB.variance / estimateB.n];
  const error = errorA + errorB;
  if (error === 0) return { kind: "not_enough_data", reason: `"${metric.name}" has been the same for everybody` };
  const df = 1 / ((errorA / error) ** 2 / (estimateA.n - 1) + (errorB / error) ** 2 / (estimateB.n - 1));
  const n = estimateA.n + estimateB.n;
  const difference = { point: estimateB.mean - estimateA.mean, error, n, df };
  const [meanA, meanB] = [toMean(metric, a), toMean(metric, b)];
  const spread = relativeLift({ meanA, meanB, errorA, errorB });
  // Where nobody in b has anything, b seems to be known exactly: no interval could be put around that.
  const lift =
    spread === null || spread.standardError === 0
      ? null
      : { point: difference.point / meanA, error: spread.standardError ** 2, n, df };
  return { kind: "measured", meanA, meanB, difference, lift };
}

function findLack({ name, kind }: Metric, arm: ArmSums): string | undefined {
  if (arm.users < USERS_MIN) return `each arm needs ${USERS_MIN} users, and "${arm.name}" has ${arm.users}`;
  const { sum, denominator } = sumsOf(name, arm);
  if (kind === "ratio" && denominator?.sum === 0) return `"${name}" has nothing to be divided by in "${arm.name}"`;
  if (kind !== "binary") return undefined;
  if (sum > arm.users) return refuse(`arms.${arm.name}.metrics.${name}`, `${sum} of ${arm.users} users can't be`);
  if (sum < CONVERSIONS_MIN) return `each arm needs ${CONVERSIONS_MIN} of "${name}", and "${arm.name}" has ${sum}`;
  if (arm.users - sum < CONVERSIONS_MIN)
    return `each arm needs ${CONVERSIONS_MIN} users without "${name}", and "${arm.name}" has ${arm.users - sum}`;
  return undefined;
}

function toEstimates(metric: Metric, a: ArmSums, b: ArmSums): [Estimate, Estimate] {
  const [sumsA, sumsB] = [sumsOf(metric.name, a), sumsOf(metric.name, b)];
  if (metric.kind === "ratio") return [toRatio(metric, a), toRatio(metric, b)];
  if (metric.kind !== "binary" && sumsA.before !== undefined && sumsB.before !== undefined) {
    const adjusted = adjustArms(toCuped(metric, a, sumsA.before), toCuped(metric, b, sumsB.before));
    return [adjusted.a, adjusted.b];
  }
  return [toPlain(metric, a), toPlain(metric, b)];
}

function toPlain(metric: Metric, arm: ArmSums): Estimate {
  const { sum } = sumsOf(metric.name, arm);
  return toEstimate({ n: arm.users, sum, sumSquares: squaresOf(metric, arm) }, pathOf(metric, arm));
}

function toRatio(metric: Metric, arm: ArmSums): Estimate {
  const { sum, denominator } = sumsOf(metric.name, arm);
  if (denominator === undefined)
    return refuse(`${pathOf(metric, arm)}.denominator`, "a ratio needs what it is divided by");
  const sums = {
    n: arm.users,
    sumM: sum,
    sumSquaresM: squaresOf(metric, arm),
    sumD: denominator.sum,
    sumSquaresD: denominator.sumSquares,
    sumProducts: denominator.sumProducts,
  };
  return toRatioEstimate(sums, pathOf(metric, arm));
}

function toCuped(metric: Metric, arm: ArmSums, before: NonNullable<MetricSums["before"]>) {
  return {
    n: arm.users,
    sumPost: sumsOf(metric.name, arm).sum,
    sumSquaresPost: squaresOf(metric, arm),
    sumPre: before.sum,
    sumSquaresPre: before.sumSquares,
    sumProducts: before.sumProducts,
  };
}

function toMean(metric: Metric, arm: ArmSums): number {
  const { sum, denominator } = sumsOf(metric.name, arm);
  return metric.kind === "ratio" ? sum / (denominator?.sum ?? 0) : sum / arm.users;
}

function squaresOf(metric: Metric, arm: ArmSums): number {
  const { sum, sumSquares } = sumsOf(metric.name, arm);
  // Squares of 0 and 1 are themselves, but for sums that were weighed.
  if (metric.kind === "binary") return sumSquares ?? sum;
  return sumSquares ?? refuse(`${pathOf(metric, arm)}.sum_squares`, `a ${metric.kind} needs its sum of squares`);
}

function sumsOf(metric: string, arm: ArmSums): MetricSums {
  return arm.metrics[metric] ?? refuse(`arms.${arm.name}.metrics`, `there are no sums of "${metric}"`);
}

const pathOf = (metric: Metric, arm: ArmSums): string => `arms.${arm.name}.metrics.${metric.name}`;
