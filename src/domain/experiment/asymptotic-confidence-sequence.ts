import { type Arm, type Estimate, toEstimate } from "./moments.ts";
import { refuse } from "./refuse.ts";
import { relativeLift } from "./relative-lift.ts";

/** An interval and a p-value that hold at every look at once: one may look whenever one likes and stop when one likes.
 *  Asymptotic: the error rate is that stated as the number of users at the first look grows; look at some hundred users an arm or
 *  more. Assumes independent users. The width is least near the N that the tuning parameter names; to look earlier or later costs width.
 *  @throws InvalidInput when no variance is seen, or for a lift without a base.
 *  Source: I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy, A. Ramdas, Time-uniform central limit theory and asymptotic confidence
 *  sequences (arXiv:2103.06476v7), eq. 9, 155, 161; as GrowthBook applies it. */
export function asymptoticConfidenceSequence(input: {
  readonly a: Arm;
  readonly b: Arm;
  readonly alpha: number;
  /** The number of users, both arms together, at which the interval shall be narrowest. > 0. */
  readonly tuningParameter: number;
  readonly differenceType: "absolute" | "relative";
}) {
  const effect = toEffect(toEstimate(input.a, "a"), toEstimate(input.b, "b"), input.differenceType);
  return confidenceSequence({ ...effect, n: input.a.n + input.b.n }, input);
}

/** The sequence around any estimate that adds up users: a difference, a lift, a ratio, an adjusted mean. */
export function confidenceSequence(
  effect: { readonly point: number; readonly error: number; readonly n: number },
  { alpha, tuningParameter }: { readonly alpha: number; readonly tuningParameter: number },
) {
  const { point, error, n } = effect;
  if (error === 0) refuse("b", "no variance is seen in either arm, so there is nothing to test");
  const rhoSquare = (-2 * Math.log(alpha) + Math.log1p(-2 * Math.log(alpha))) / tuningParameter;
  const growth = n * rhoSquare + 1;
  const logGrowth = 0.5 * Math.log1p(n * rhoSquare);
  const half = Math.sqrt((error * 2 * growth * (logGrowth - Math.log(alpha))) / (n * rhoSquare));
  const logP = logGrowth - (rhoSquare * n * (point * (point / error))) / (2 * growth);
  return {
    pointEstimate: point,
    ciLow: point - half,
    ciHigh: point + half,
    pValue: logP >= 0 ? 1 : Math.exp(logP),
    rho: Math.sqrt(rhoSquare),
  };
}

/** The difference or the lift, with its squared standard error. */
export function toEffect(a: Estimate, b: Estimate, differenceType: "absolute" | "relative") {
  const [errorA, errorB] = [a.variance / a.n, b.variance / b.n];
  if (differenceType === "absolute") return { point: b.mean - a.mean, error: errorA + errorB };
  const lift = relativeLift({ meanA: a.mean, meanB: b.mean, errorA, errorB });
  if (lift === null) return refuse("a.sum", "the control's mean is 0, so there is no relative difference");
  return { point: lift.lift, error: lift.standardError ** 2 };
}
