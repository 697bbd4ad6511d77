import { normalIsf, normalPpf } from "../statistics/normal.ts";
import { confidenceSequence } from "./asymptotic-confidence-sequence.ts";
import { refuse } from "./refuse.ts";
import { sampleSizeMeans, sampleSizeTwoProportions } from "./sample-size.ts";

/** What an experiment is to find. */
export type Wanted = {
  readonly metric:
    | { readonly kind: "rate"; readonly baseline: number }
    | { readonly kind: "mean"; readonly baseline: number; readonly standardDeviation: number };
  /** In relation to the baseline, ≠ 0. */
  readonly lift: number;
  /** Of all comparisons together. */
  readonly alpha: number;
  readonly power: number;
  /** The control included, of the same weight each. */
  readonly variants: number;
};

/** Users of each variant, rounded up: for one look at the end, and for looking whenever one likes. The latter is for the interval
 *  that is narrowest at just that size, and as often as it stops early it takes fewer. Each comparison gets its share of alpha
 *  (Bonferroni), which Holm's procedure never needs more than.
 *  @throws InvalidInput for a rate that the lift takes out of (0, 1). */
export function planUsers({ metric, lift, alpha: alphaOfAll, power, variants }: Wanted): {
  readonly fixed: number;
  readonly alwaysValid: number;
} {
  const alpha = alphaOfAll / (variants - 1);
  const after = metric.baseline * (1 + lift);
  if (metric.kind === "rate" && after >= 1)
    refuse("minimum_lift", `${lift} takes a rate of ${metric.baseline} to ${after}, and no rate reaches 1`);
  const plan = { alpha, power, ratio: 1 };
  const { nA } =
    metric.kind === "rate"
      ? sampleSizeTwoProportions({
          ...plan,
          pA: metric.baseline,
          pB: after,
          formula: "unpooled",
        })
      : sampleSizeMeans({ ...plan, effectSize: (metric.baseline * lift) / metric.standardDeviation });
  return { fixed: Math.ceil(nA), alwaysValid: Math.ceil(nA * toInflation(alpha, power)) };
}

/** How many more users the always-valid interval takes: both find an effect of (half the width + the power's quantile) standard errors. */
function toInflation(alpha: number, power: number): number {
  const standardErrors = confidenceSequence({ point: 0, error: 1, n: 1 }, { alpha, tuningParameter: 1 }).ciHigh;
  const ratio = (standardErrors + normalPpf(power)) / (normalIsf(alpha / 2) + normalPpf(power));
  return ratio * ratio;
}
