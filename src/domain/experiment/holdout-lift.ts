import { normalIsf } from "../statistics/normal.ts";
import { type Proportions, toProportions } from "./proportions.ts";
import { twoProportionZTest } from "./two-proportion-z-test.ts";

/** What treating people brought over a holdout that got nothing: difference, lift and how many conversions there would not have been.
 *  Lift twice: by the delta method, and by Fieller's theorem, which stays right when the holdout is small, and says null when
 *  the holdout's rate can't be told from 0. Assumes a random holdout and independent users.
 *  Source: E. C. Fieller, Some problems in interval estimation, JRSS B 16 (1954). */
export function holdoutLift(input: {
  readonly xTreated: number;
  readonly nTreated: number;
  readonly xHoldout: number;
  readonly nHoldout: number;
  readonly alpha: number;
}) {
  const { xTreated, nTreated, xHoldout, nHoldout, alpha } = input;
  const counts = { xA: xHoldout, nA: nHoldout, xB: xTreated, nB: nTreated };
  const proportions = toProportions(counts, ["x_holdout", "n_holdout", "x_treated", "n_treated"]);
  const test = twoProportionZTest({ ...counts, alpha, variance: "unpooled" });
  return {
    ...test,
    incrementalConversions: nTreated * test.difference,
    ...fieller(proportions, normalIsf(alpha / 2)),
  };
}

function fieller({ rateA, rateB, errorA, errorB }: Proportions, quantile: number) {
  const none = { fiellerCiLow: null, fiellerCiHigh: null };
  if (rateA === 0) return none;
  const relative = quantile / rateA;
  const g = relative * relative * errorA;
  if (g >= 1) return none;
  const ratio = rateB / rateA;
  const half = relative * Math.sqrt(errorB * (1 - g) + ratio * ratio * errorA);
  return { fiellerCiLow: (ratio - half) / (1 - g) - 1, fiellerCiHigh: (ratio + half) / (1 - g) - 1 };
}
