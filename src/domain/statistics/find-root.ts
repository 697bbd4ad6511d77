const STEPS_MAX = 300;

/** Where a continuous function is 0 between two places where its signs differ: Brent's method, with the steps of scipy's `brentq`,
 *  so that it comes to the same place for the same tolerance.
 *  @param tolerance how far from the root the place may be; by default only the last digits of a double.
 *  @throws when the signs don't differ. Source: R. P. Brent, Algorithms for Minimization without Derivatives (1973), ch. 4. */
export function findRoot(f: (x: number) => number, low: number, high: number, tolerance = Number.MIN_VALUE): number {
  let [before, current, other] = [low, high, 0];
  let [fBefore, fCurrent, fOther] = [f(before), f(current), 0];
  let [stepBefore, step] = [0, 0];
  if (fBefore === 0) return before;
  if (fCurrent === 0) return current;
  if (!(fBefore > 0 !== fCurrent > 0)) throw new Error(`no change of sign between ${low} and ${high}`);
  for (let i = 0; i < STEPS_MAX; i += 1) {
    if (fBefore !== 0 && fCurrent !== 0 && fBefore > 0 !== fCurrent > 0) {
      [other, fOther] = [before, fBefore];
      stepBefore = step = current - before;
    }
    if (Math.abs(fOther) < Math.abs(fCurrent)) {
      [before, current, other] = [current, other, current];
      [fBefore, fCurrent, fOther] = [fCurrent, fOther, fCurrent];
    }
    const delta = (tolerance + 4 * Number.EPSILON * Math.abs(current)) / 2;
    const half = (other - current) / 2;
    if (fCurrent === 0 || Math.abs(half) < delta) return current;
    const guess = Math.abs(stepBefore) > delta && Math.abs(fCurrent) < Math.abs(fBefore) ? interpolate() : Number.NaN;
    const isGuessGood = 2 * Math.abs(guess) < Math.min(Math.abs(stepBefore), 3 * Math.abs(half) - delta);
    [stepBefore, step] = isGuessGood ? [step, guess] : [half, half];
    [before, fBefore] = [current, fCurrent];
    current += Math.abs(step) > delta ? step : Math.sign(half) * delta;
    fCurrent = f(current);
  }
  return current;

  /** By a parabola through three places, or the line through two. */
  function interpolate(): number {
    if (before === other) return (-fCurrent * (current - before)) / (fCurrent - fBefore);
    const slopeBefore = (fBefore - fCurrent) / (before - current);
    const slopeOther = (fOther - fCurrent) / (other - current);
    return (
      (-fCurrent * (fOther * slopeOther - fBefore * slopeBefore)) / (slopeOther * slopeBefore * (fOther - fBefore))
    );
  }
}
