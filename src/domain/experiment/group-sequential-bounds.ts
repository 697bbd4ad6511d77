import { findRoot } from "../statistics/find-root.ts";
import { gaussLegendre } from "../statistics/gauss-legendre.ts";
import { normalIsf, normalLogSf, normalSf } from "../statistics/normal.ts";
import { refuse } from "./refuse.ts";

export type Spending = "obrien_fleming" | "pocock" | "power";

/** Where the standardised value of a Brownian motion may not be yet, at one look: with sides 2 in (−high, high). */
type Density = { readonly at: Float64Array; readonly mass: Float64Array };

const RULE = gaussLegendre(16);
/** Width of a panel in the narrower of the two standard deviations that the integrand has: 16 points leave some 1e-13 of it. */
const PANEL = 1.5;
/** Where a normal tail no longer matters to a boundary, in standard deviations. */
const FAR = 9;
const NODES_MAX = 400_000;

/** Boundaries for planned looks at rising shares of the information, which together err with probability alpha.
 *  A look before or beside the plan is no part of it: use its share of the information as it really was. Assumes that the test
 *  statistic is a standardised sum of independent increments (means, rates and lifts of independent users are).
 *  @throws InvalidInput for fractions that don't rise within (0, 1] or lie too close to be told apart, and for a look at which
 *  less alpha is spent than a double can say.
 *  Sources: K. K. G. Lan, D. L. DeMets, Discrete sequential boundaries for clinical trials, Biometrika 70 (1983); recursive integration
 *  by P. Armitage, C. K. McPherson, B. C. Rowe, JRSS A 132 (1969). */
export function groupSequentialBounds(input: {
  readonly informationFractions: readonly number[];
  readonly alpha: number;
  readonly sides: 1 | 2;
  readonly spending: Spending;
  /** Power of the power family, > 0; of no meaning to the others. */
  readonly rho?: number | undefined;
}): { zBounds: number[]; cumulativeAlpha: number[] } {
  const { informationFractions: times, sides } = input;
  checkTimes(times);
  const spend = spendingOf(input);
  const spent = times.map((time) => Math.exp(spend(time)));
  const zBounds: number[] = [];
  let density: Density | undefined;
  for (const [k, time] of times.entries()) {
    const before = times[k - 1] ?? 0;
    const deviation = Math.sqrt(time - before);
    const logGoal = k === 0 ? spend(time) : Math.log((spent[k] ?? 0) - (spent[k - 1] ?? 0));
    if (!Number.isFinite(logGoal))
      refuse(
        `information_fractions[${k}]`,
        `what is spent up to ${time} is too little to be told from what was before`,
      );
    const z = findBound(density, { time, deviation, logGoal });
    zBounds.push(z);
    const next = times[k + 1];
    if (next === undefined) break;
    const narrow = Math.min(deviation, Math.sqrt(next - time));
    const edge = z * Math.sqrt(time);
    const low = sides === 2 ? -edge : Math.min(-FAR * Math.sqrt(time), edge - Math.sqrt(time));
    density = spread(density, {
      low,
      high: edge,
      panel: PANEL * narrow,
      deviation,
      field: `information_fractions[${k}]`,
    });
  }
  return { zBounds, cumulativeAlpha: spent.map((share) => sides * share) };
}

/** The logarithm of what the upper side has spent up to a share of the information. */
function spendingOf(input: {
  readonly alpha: number;
  readonly sides: 1 | 2;
  readonly spending: Spending;
  readonly rho?: number | undefined;
}): (time: number) => number {
  const alpha = input.alpha / input.sides;
  if (input.spending === "obrien_fleming") {
    const quantile = normalIsf(alpha / 2);
    return (time) => (time === 1 ? Math.log(alpha) : Math.LN2 + normalLogSf(quantile / Math.sqrt(time)));
  }
  if (input.spending === "pocock") return (time) => Math.log(alpha) + Math.log(Math.log1p((Math.E - 1) * time));
  const rho = input.rho;
  if (rho === undefined || !(rho > 0)) return refuse("rho", "the power family needs a power above 0");
  return (time) => Math.log(alpha) + rho * Math.log(time);
}

/** The z with P(no crossing before, Z ≥ z) = e^logGoal. */
function findBound(
  density: Density | undefined,
  { time, deviation, logGoal }: { readonly time: number; readonly deviation: number; readonly logGoal: number },
): number {
  const excess = (z: number): number => logGoal - logTail(density, z * Math.sqrt(time), deviation);
  let [low, high] = [-1, 1];
  while (excess(high) < 0) [low, high] = [high, 2 * high];
  while (excess(low) > 0) low *= 2;
  return findRoot(excess, low, high);
}

/** Logarithm of the probability to be beyond a place now without having crossed before. */
function logTail(density: Density | undefined, place: number, deviation: number): number {
  if (density === undefined) return normalLogSf(place / deviation);
  let sum = 0;
  for (let i = 0; i < density.at.length; i += 1)
    sum += (density.mass[i] ?? 0) * normalSf((place - (density.at[i] ?? 0)) / deviation);
  return Math.log(sum);
}

/** The density at this look, without what has crossed: at the nodes of Gauss and Legendre on panels, times their weights. */
function spread(
  before: Density | undefined,
  grid: {
    readonly low: number;
    readonly high: number;
    readonly panel: number;
    readonly deviation: number;
    readonly field: string;
  },
): Density {
  const { low, high, deviation } = grid;
  const panels = Math.ceil((high - low) / grid.panel);
  if (panels * RULE.length > NODES_MAX) refuse(grid.field, "it lies too close to its neighbours");
  const half = (high - low) / panels / 2;
  const at = new Float64Array(panels * RULE.length);
  const mass = new Float64Array(at.length);
  const factor = half / (deviation * Math.sqrt(2 * Math.PI));
  let index = 0;
  for (let panel = 0; panel < panels; panel += 1) {
    // From low to high, since the window below moves along.
    for (let i = RULE.length - 1; i >= 0; i -= 1) {
      const { node, weight } = RULE[i] ?? { node: 0, weight: 0 };
      at[index] = low + half * (2 * panel + 1 + node);
      mass[index] = weight * factor;
      index += 1;
    }
  }
  convolve(before, { at, mass }, deviation);
  return { at, mass };
}

/** Multiplies each mass by Σ before · e^(−(x − y)²/2σ²), leaving out what is too far away to count anywhere: a path that ends in the
 *  tail at z deviations got there from up to z deviations away. */
function convolve(before: Density | undefined, into: Density, deviation: number): void {
  const { at, mass } = into;
  const farthest = 40 * deviation;
  let from = 0;
  for (let i = 0; i < at.length; i += 1) {
    const x = at[i] ?? 0;
    let sum = 0;
    if (before === undefined) sum = Math.exp(-0.5 * (x / deviation) ** 2);
    else {
      while (from < before.at.length && (before.at[from] ?? 0) < x - farthest) from += 1;
      for (let j = from; j < before.at.length; j += 1) {
        const gap = (before.at[j] ?? 0) - x;
        if (gap > farthest) break;
        sum += (before.mass[j] ?? 0) * Math.exp(-0.5 * (gap / deviation) ** 2);
      }
    }
    mass[i] = (mass[i] ?? 0) * sum;
  }
}

function checkTimes(times: readonly number[]): void {
  if (times.length === 0) refuse("information_fractions", "at least one look is needed");
  for (const [k, time] of times.entries())
    if (!(time > (times[k - 1] ?? 0) && time <= 1))
      refuse(`information_fractions[${k}]`, `${time}: fractions rise strictly within (0, 1]`);
}
