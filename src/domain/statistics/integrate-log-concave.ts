/** The logarithm falls this much below its peak before it counts for nothing. */
const DROP = 46;
const PANELS_FIRST = 32;
const PANELS_MAX = 2 ** 16;
const TOLERANCE = 1e-14;
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** ∫ e^f(u) du over all reals for a smooth concave f that falls at least linearly on both sides: by the trapezoid rule, which
 *  converges exponentially there, halved until it stands still. Nothing underflows, since everything is in relation to the peak.
 *  @param from where to begin to look for the peak. @param scale about the width of it.
 *  @returns the logarithm of the integral. Source: L. N. Trefethen, J. A. C. Weideman, The Exponentially Convergent Trapezoidal
 *  Rule, SIAM Review 56 (2014), §5. */
export function integrateLogConcave(
  f: (u: number) => number,
  { from, scale }: { readonly from: number; readonly scale: number },
): number {
  const peak = findPeak(f, from, scale);
  const top = f(peak);
  const low = findEnd(f, { peak, goal: top - DROP, step: -scale });
  const high = findEnd(f, { peak, goal: top - DROP, step: scale });
  let panels = PANELS_FIRST;
  let sum = 0;
  for (let i = 0; i <= panels; i += 1) sum += Math.exp(f(low + ((high - low) * i) / panels) - top);
  for (let previous = sum / panels; panels < PANELS_MAX; previous = sum / panels) {
    for (let i = 1; i < 2 * panels; i += 2) sum += Math.exp(f(low + ((high - low) * i) / (2 * panels)) - top);
    panels *= 2;
    if (Math.abs(sum / panels - previous) <= TOLERANCE * previous) break;
  }
  return top + Math.log((sum / panels) * (high - low));
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
