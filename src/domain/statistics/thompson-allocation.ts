import { type BetaParameters, betaLogitBreaks, betaLogitDensity } from "./beta-logit.ts";
import { legendre } from "./legendre.ts";

const rule = legendre(16);
/** What one panel's integral of a density may be off. A few hundred panels at most, so that results are right to 1e-12. */
const tolerance = 1e-15;
const halvingsMax = 40;
/** How far the probabilities may be from summing to 1 before they are not believed. */
const sumTolerance = 1e-9;

type Density = (u: number) => number;

/** The probability of each arm that its rate is the largest of all, which is how often Thompson sampling chooses it: the integral of its
 *  density times the distribution functions of the others. They sum to 1. Right to some 1e-12.
 *
 *  Taken over logits u = ln(x/(1−x)) rather than rates: there every beta density is smooth and falls off like an exponential on
 *  both sides, also where in x it is infinite at an end. The distribution functions are integrals of the same densities, taken along:
 *  of ten million trials a closed form of them keeps seven digits, and it is slower.
 *  @throws RangeError when that does not settle, for parameters beyond all measure. */
export function thompsonAllocation(arms: readonly BetaParameters[]): number[] {
  if (arms.length === 1) return [1];
  const densities = arms.map(betaLogitDensity);
  const breaks = [...new Set(arms.flatMap(betaLogitBreaks))].sort((a, b) => a - b);
  const largest = arms.map(() => 0);
  /** Of each arm, the probability to be below where we are. */
  const below = arms.map(() => 0);
  for (let i = 1; i < breaks.length; i++) {
    for (const panel of toPanels(densities, breaks[i - 1] ?? 0, breaks[i] ?? 0, halvingsMax)) {
      addPanel(panel, below, largest);
    }
  }
  const sum = largest.reduce((total, probability) => total + probability, 0);
  if (!(Math.abs(sum - 1) < sumTolerance)) throw new RangeError(`the probabilities of the arms sum to ${sum}`);
  return largest.map((probability) => probability / sum);
}

/** A stretch of logits so short that every density is as good as a polynomial on it: their values at the rule's nodes. */
type Panel = { readonly half: number; readonly values: readonly (readonly number[])[] };

function toPanels(densities: readonly Density[], from: number, to: number, halvingsLeft: number): Panel[] {
  const middle = (from + to) / 2;
  const whole = toPanel(densities, from, to);
  const halves = [toPanel(densities, from, middle), toPanel(densities, middle, to)];
  const isSmooth = densities.every((_, arm) => {
    const fine = halves.reduce((sum, half) => sum + integral(half, arm), 0);
    return Math.abs(integral(whole, arm) - fine) <= tolerance;
  });
  if (isSmooth) return halves;
  if (halvingsLeft === 0) throw new RangeError(`the densities do not settle near the logit ${middle}`);
  return [...toPanels(densities, from, middle, halvingsLeft - 1), ...toPanels(densities, middle, to, halvingsLeft - 1)];
}

function toPanel(densities: readonly Density[], from: number, to: number): Panel {
  const half = (to - from) / 2;
  const center = (from + to) / 2;
  return { half, values: densities.map((density) => rule.nodes.map((node) => density(center + half * node))) };
}

function integral({ half, values }: Panel, arm: number): number {
  return half * dot(rule.weights, values[arm] ?? []);
}

/** Adds what a panel contributes to each arm's probability to be the largest, and moves `below` to its end. */
function addPanel(panel: Panel, below: number[], largest: number[]): void {
  const { half, values } = panel;
  for (const [n, weight] of rule.weights.entries()) {
    const here = below.map((start, arm) => start + half * dot(rule.upTo[n] ?? [], values[arm] ?? []));
    // Products of all but one, from both ends: a distribution function may be 0, so that none is divided out.
    const before = [1];
    for (const value of here) before.push((before.at(-1) ?? 1) * value);
    let after = 1;
    for (let arm = here.length - 1; arm >= 0; arm--) {
      largest[arm] = (largest[arm] ?? 0) + weight * half * (values[arm]?.[n] ?? 0) * (before[arm] ?? 1) * after;
      after *= here[arm] ?? 1;
    }
  }
  for (const arm of below.keys()) below[arm] = (below[arm] ?? 0) + integral(panel, arm);
}

function dot(weights: readonly number[], values: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i++) sum += (weights[i] ?? 0) * (values[i] ?? 0);
  return sum;
}
