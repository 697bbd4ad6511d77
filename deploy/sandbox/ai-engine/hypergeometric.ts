/** More terms than any argument that a customer's history leads to. */
const termsMax = 100_000;

/** Gauss's hypergeometric function 2F1(a, b; c; z) for a, b, c > 0 and 0 ≤ z < 1, by its series: every term is positive, so that
 *  nothing cancels, and the relative error is about the number of terms times 2^-53. The nearer z is to 1, the more terms.
 *  Source: Abramowitz and Stegun 15.1.1.
 *  @throws RangeError for other arguments, and where 100,000 terms are not enough. */
export function hypergeometric(a: number, b: number, c: number, z: number): number {
  if (!(a > 0 && b > 0 && c > 0 && z >= 0 && z < 1)) {
    throw new RangeError(`2F1(${a}, ${b}; ${c}; ${z}): positive parameters and 0 <= z < 1 are wanted`);
  }
  let term = 1;
  let sum = 1;
  for (let n = 0; n < termsMax; n++) {
    const ratio = (((a + n) * (b + n)) / ((c + n) * (n + 1))) * z;
    term *= ratio;
    sum += term;
    // Once the terms shrink by at least `ratio` or z, whichever is larger, what is left is bounded by a geometric series.
    const shrink = Math.max(ratio, z);
    if (ratio < 1 && (term * shrink) / (1 - shrink) < sum * Number.EPSILON) return sum;
  }
  throw new RangeError(`2F1(${a}, ${b}; ${c}; ${z}) does not settle within ${termsMax} terms`);
}
