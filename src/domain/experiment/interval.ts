import { normalSf } from "../statistics/normal.ts";
import { tIsf, tSf } from "../statistics/student-t.ts";
import { confidenceSequence } from "./asymptotic-confidence-sequence.ts";
import type { Method } from "./experiment-plan.ts";
import { groupSequentialBounds } from "./group-sequential-bounds.ts";
import type { Effect } from "./measure.ts";

/** An interval for an effect at this look, and the p-value that goes with it. */
export type Interval = {
  readonly ciLow: number;
  readonly ciHigh: number;
  /** Of no effect. Of a group-sequential test it is that of the look alone: only the interval allows for the others. */
  readonly pValue: number;
};

const TUNING_PARAMETER = 5_000;

/** What a method makes of estimates at this look. @param users of all arms now. @param alpha of one comparison. */
export function intervalBy(
  method: Method,
  { users, alpha }: { readonly users: number; readonly alpha: number },
): (effect: Effect) => Interval {
  if (method.kind === "always_valid") {
    const tuningParameter = method.tuningParameter ?? TUNING_PARAMETER;
    return (effect) => confidenceSequence(effect, { alpha, tuningParameter });
  }
  if (method.kind === "fixed")
    return (effect) => {
      const standardError = Math.sqrt(effect.error);
      const pValue = 2 * tSf(Math.abs(effect.point / standardError), effect.df);
      return { ...around(effect.point, tIsf(alpha / 2, effect.df) * standardError), pValue };
    };
  const looks = [...method.earlierLooks, users].map((at) => Math.min(1, at / method.plannedUsers));
  const { spending, rho } = method;
  const { zBounds } = groupSequentialBounds({ informationFractions: looks, alpha, sides: 2, spending, rho });
  const bound = zBounds.at(-1) ?? Number.POSITIVE_INFINITY;
  return (effect) => {
    const standardError = Math.sqrt(effect.error);
    const pValue = 2 * normalSf(Math.abs(effect.point / standardError));
    return { ...around(effect.point, bound * standardError), pValue };
  };
}

const around = (point: number, half: number) => ({ ciLow: point - half, ciHigh: point + half });
