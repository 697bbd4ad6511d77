import { findRoot } from "../statistics/find-root.ts";
import { normalLogSf } from "../statistics/normal.ts";
import { refuse } from "./refuse.ts";

/** How far a sum of sub-Gaussian terms may be from 0 at intrinsic time v, at every v at once, but with probability alpha.
 *  @param v the sum's variance so far, ≥ 0. @param vOpt where the bound shall be tightest, > 0.
 *  @returns in the unit of the sum. Source: S. R. Howard, A. Ramdas, J. McAuliffe, J. Sekhon, Time-uniform, nonparametric,
 *  nonasymptotic confidence sequences, Annals of Statistics 49 (2021), Propositions 3 and 5, eq. 24; Python package confseq. */
export function normalMixtureBound(input: {
  readonly v: number;
  readonly alpha: number;
  readonly vOpt: number;
  readonly alphaOpt: number;
  readonly sides: 1 | 2;
}): { bound: number } {
  const { v, alpha, vOpt, alphaOpt, sides } = input;
  const logAlpha = Math.log(alpha);
  if (sides === 2) {
    const rho = bestRho(vOpt, alphaOpt);
    return { bound: Math.sqrt((v + rho) * (Math.log1p(v / rho) - 2 * logAlpha)) };
  }
  const rho = bestRho(vOpt, 2 * alphaOpt);
  // In z = s/√(v + ρ): rises strictly, and is below 0 at z = 0.
  const excess = (z: number): number =>
    0.5 * Math.log(4) - 0.5 * Math.log1p(v / rho) + 0.5 * z * z + normalLogSf(-z) + logAlpha;
  let high = 1;
  while (excess(high) < 0) high *= 2;
  return { bound: Math.sqrt(v + rho) * findRoot(excess, 0, high) };
}

/** Logarithm of the two-sided normal mixture martingale at sum s and variance v: of evidence against a mean of 0, and larger than
 *  ln(1/alpha) at any time with probability alpha at most. Source: as normalMixtureBound, eq. 23. */
export function normalLogMixture(input: {
  readonly s: number;
  readonly v: number;
  readonly vOpt: number;
  readonly alphaOpt: number;
}): { logMixture: number } {
  const { s, v, vOpt, alphaOpt } = input;
  const rho = bestRho(vOpt, alphaOpt);
  return { logMixture: -0.5 * Math.log1p(v / rho) + (s / (v + rho)) * (s / 2) };
}

function bestRho(vOpt: number, alphaOpt: number): number {
  const twice = -2 * Math.log(alphaOpt);
  if (!(twice > 0)) return refuse("alpha_opt", "one-sided, it has to be less than 0.5");
  return vOpt / (twice + Math.log1p(twice));
}
