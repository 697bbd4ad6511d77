import { gaussLegendre } from "./gauss-legendre.ts";

/** A place where the function bends, and about how sharply. */
export type Knot = { readonly at: number; readonly width: number };

/** The logarithm falls this much below its peak before it counts for nothing. */
const DROP = 46;
const RULE = gaussLegendre(16);
const PANELS_MAX = 5_000;
/** Of the last halving: as halving a panel squares its error and more, the sum itself is far nearer. */
const TOLERANCE = 1e-12;
/** Logarithms of this size, in relation, are as exact as a double lets them be; more halvings would only add up noise. */
const NOISE = 16 * Number.EPSILON;
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** ∫ e^f(u) du over all reals for a smooth concave f that falls at least linearly on both sides: by Gauss and Legendre on panels that
 *  grow with the distance from each knot, halved until the sum stands still, so that a bend a thousand times as sharp as
 *  another costs hardly more. Nothing underflows, since everything is in relation to the peak.
 *  @returns the logarithm of the integral. */
export function integrateLogConcave(f: (u: number) => number, knots: readonly [Knot, ...Knot[]]): number {
  const scale = Math.min(...knots.map(({ width }) => width));
  const peak = findPeak(f, knots[0].at, scale);
  const top = f(peak);
  const low = findEnd(f, { peak, goal: top - DROP, step: -scale });
  const high = findEnd(f, { peak, goal: top - DROP, step: scale });
  const tolerance = TOLERANCE + NOISE * Math.abs(top);
  let edges = toEdges(low, high, [...knots, { at: peak, width: scale }]);
  let sum = sumPanels(f, edges, top);
  while (edges.length < PANELS_MAX) {
    edges = halve(edges);
    const finer = sumPanels(f, edges, top);
    const isSettled = Math.abs(finer - sum) <= tolerance * finer;
    sum = finer;
    if (isSettled) break;
  }
  return top + Math.log(sum);
}

/** Ends of panels, rising: 1, 2, 4, … widths from each knot. */
function toEdges(low: number, high: number, knots: readonly Knot[]): number[] {
  const edges = [low, high];
  for (const { at, width } of knots) {
    if (at > low && at < high) edges.push(at);
    for (let step = width; at + step < high || at - step > low; step *= 2)
      edges.push(...[at - step, at + step].filter((edge) => edge > low && edge < high));
  }
  return edges.sort((one, other) => one - other).filter((edge, i) => edge !== edges[i - 1]);
}

function halve(edges: readonly number[]): number[] {
  return edges.flatMap((edge, i) => (i === 0 ? [edge] : [((edges[i - 1] ?? edge) + edge) / 2, edge]));
}

function sumPanels(f: (u: number) => number, edges: readonly number[], top: number): number {
  let sum = 0;
  for (let i = 1; i < edges.length; i += 1) {
    const [from, until] = [edges[i - 1] ?? 0, edges[i] ?? 0];
    const half = (until - from) / 2;
    for (const { node, weight } of RULE) sum += half * weight * Math.exp(f(from + half * (1 + node)) - top);
  }
  return sum;
}

/** Roughly: it only says where to begin. Golden section, after steps that double. */
function findPeak(f: (u: number) => number, from: number, scale: number): number {
  let step = f(from + scale) >= f(from) ? scale : -scale;
  let [before, middle] = [from, from];
  let next = from + step;
  while (f(next) > f(middle)) {
    step *= 2;
    [before, middle, next] = [middle, next, next + step];
  }
  let [low, high] = before === middle ? [middle - step, next] : [before, next];
  for (let i = 0; i < 40 && Math.abs(high - low) > 0.01 * scale; i += 1) {
    const left = high - GOLDEN * (high - low);
    const right = low + GOLDEN * (high - low);
    if (f(left) > f(right)) high = right;
    else low = left;
  }
  return (low + high) / 2;
}

function findEnd(
  f: (u: number) => number,
  { peak, goal, step }: { readonly peak: number; readonly goal: number; readonly step: number },
): number {
  let inside = 0;
  let outside = step;
  while (f(peak + outside) > goal) {
    inside = outside;
    outside *= 2;
  }
  for (let i = 0; i < 6; i += 1) {
    const middle = (inside + outside) / 2;
    if (f(peak + middle) > goal) inside = middle;
    else outside = middle;
  }
  return peak + outside;
}
