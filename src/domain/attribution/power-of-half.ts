/** Binary digits of a weight's fraction. A value has 53 at most, so that shares are right to 2^-150 of a unit. */
const precisionBits = 208n;
const one = 1n << precisionBits;
/** Weights this many halvings below the newest are 0: they could only win a unit against a larger remainder. */
const halvingsMax = 512n;
/** ln 2 in units of 2^-208: Σ 1/(n·2ⁿ), with 32 more digits while summing. */
const ln2 = sumOfLn2();
/** 2^-f is taken as (2^(-f/256))^256: a shorter series at the price of eight squarings. */
const squarings = 8n;

/** Weights in the ratio of 2^-x, in whole numbers, where each x is `numerators[i] / denominator` exactly, and the last is the least.
 *  Where the differences of the x are whole, so are the ratios of the weights, and exact; else they are right to some 2^-200.
 *  Doubles would do nearly always, but a share that is a whole unit must not come out one ulp below. */
export function powersOfHalf(numerators: readonly bigint[], denominator: bigint): bigint[] {
  const least = numerators.at(-1) ?? 0n;
  const parts = numerators.map((numerator) => {
    const x = numerator - least;
    return { halvings: x / denominator, fraction: ((x % denominator) << precisionBits) / denominator };
  });
  const most = parts.reduce((max, { halvings }) => (halvings > max && halvings <= halvingsMax ? halvings : max), 0n);
  return parts.map(({ halvings, fraction }) =>
    halvings > halvingsMax ? 0n : powerOfHalf(fraction) << (most - halvings),
  );
}

/** 2^-f for 0 ≤ f < 1, both in units of 2^-208. */
function powerOfHalf(fraction: bigint): bigint {
  if (fraction === 0n) return one;
  const y = (fraction * ln2) >> (precisionBits + squarings);
  let term = one;
  let sum = one;
  for (let n = 1n; term !== 0n; n++) {
    term = -((term * y) >> precisionBits) / n;
    sum += term;
  }
  for (let i = 0n; i < squarings; i++) sum = (sum * sum) >> precisionBits;
  return sum;
}

function sumOfLn2(): bigint {
  const guardBits = 32n;
  let sum = 0n;
  for (let n = 1n; n <= precisionBits + guardBits; n++) sum += (1n << (precisionBits + guardBits - n)) / n;
  return sum >> guardBits;
}
