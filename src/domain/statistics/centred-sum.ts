/** Σ(x − x̄)(y − ȳ) out of sums: sumProducts − sumX·sumY/n. The products are carried in twice the digits of a double, so that what
 *  cancels is only what the sums themselves have lost. For squares give the same sum twice.
 *  Source: T. J. Dekker, A Floating-Point Technique for Extending the Available Precision, Numerische Mathematik 18 (1971). */
export function centredSum(sums: {
  readonly n: number;
  readonly sumX: number;
  readonly sumY: number;
  readonly sumProducts: number;
}): number {
  const { n, sumX, sumY, sumProducts } = sums;
  // (n·sumProducts − sumX·sumY)/n
  const [left, leftRest] = product(n, sumProducts);
  const [right, rightRest] = product(sumX, sumY);
  return (left - right + (leftRest - rightRest) + differenceRest(left, right)) / n;
}

/** a·b as a double and what it lost. */
function product(a: number, b: number): [number, number] {
  const value = a * b;
  const [aHigh, aLow] = split(a);
  const [bHigh, bLow] = split(b);
  return [value, aLow * bLow - (value - aHigh * bHigh - aLow * bHigh - aHigh * bLow)];
}

function split(a: number): [number, number] {
  const scaled = a * (2 ** 27 + 1);
  const high = scaled - (scaled - a);
  return [high, a - high];
}

/** What a − b lost in rounding. Source: D. E. Knuth, The Art of Computer Programming 2, §4.2.2. */
function differenceRest(a: number, b: number): number {
  const difference = a - b;
  const back = difference - a;
  return a - (difference - back) - (b + back);
}
