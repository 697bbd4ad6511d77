const STEPS_MAX = 200;

/** Where a continuous function is 0 between two places where its signs differ.
 *  @returns the place to the last digits of a double.
 *  @throws when the signs don't differ. Source: R. P. Brent, Algorithms for Minimization without Derivatives (1973), ch. 4. */
export function findRoot(f: (x: number) => number, low: number, high: number): number {
  let [a, b] = [low, high];
  let [fa, fb] = [f(a), f(b)];
  if (fa === 0) return a;
  if (fb === 0) return b;
  if (!(fa * fb < 0)) throw new Error(`no change of sign between ${low} and ${high}`);
  let [c, fc, step, before] = [a, fa, b - a, b - a];
  for (let i = 0; i < STEPS_MAX; i += 1) {
    if (fb > 0 === fc > 0) [c, fc, step, before] = [a, fa, b - a, b - a];
    if (Math.abs(fc) < Math.abs(fb)) [a, b, c, fa, fb, fc] = [b, c, b, fb, fc, fb];
    const tolerance = 2 * Number.EPSILON * Math.abs(b) + Number.MIN_VALUE;
    const half = (c - b) / 2;
    if (Math.abs(half) <= tolerance || fb === 0) return b;
    const guess = Math.abs(before) >= tolerance && Math.abs(fa) > Math.abs(fb) ? interpolate() : undefined;
    if (guess !== undefined && 2 * Math.abs(guess) < Math.min(3 * Math.abs(half), Math.abs(before)) && guess * half > 0)
      [before, step] = [step, guess];
    else [before, step] = [half, half];
    [a, fa] = [b, fb];
    b += Math.abs(step) > tolerance ? step : Math.sign(half) * tolerance;
    fb = f(b);
  }
  return b;

  /** By the parabola through three points, or the line through two. */
  function interpolate(): number {
    const s = fb / fa;
    if (a === c) return (s * (c - b)) / (s - 1);
    const [q, r] = [fa / fc, fb / fc];
    const p = s * ((c - b) * q * (q - r) - (b - a) * (r - 1));
    return -p / ((q - 1) * (r - 1) * (s - 1));
  }
}
