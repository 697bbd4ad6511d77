import { invariant } from "../assert.ts";

/** Shares a value out in whole units by the method of largest remainders: each share is rounded towards zero, and the units left go to
 *  the largest remainders, of equal ones to the earlier. The shares sum to the value exactly. A negative value is shared as its
 *  positive, and the sign put back.
 *  @param value a safe integer, such as minor units of a currency. @param weights ≥ 0, not all 0; only their ratios count. */
export function allocate(value: number, weights: readonly bigint[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0n);
  invariant(total > 0n, "nothing to share by: all weights are 0");
  const magnitude = BigInt(Math.abs(value));
  const shares = weights.map((weight) => (magnitude * weight) / total);
  const remainders = weights.map((weight, index) => ({ index, remainder: (magnitude * weight) % total }));
  const left = Number(magnitude - shares.reduce((sum, share) => sum + share, 0n));
  const takers = remainders.sort((a, b) => compare(b.remainder, a.remainder)).slice(0, left);
  for (const { index } of takers) shares[index] = (shares[index] ?? 0n) + 1n;
  // Zero has no sign here: -0 would be neither equal to 0 for a strict comparison nor readable in a report.
  return shares.map((share) => (value < 0 && share > 0n ? -Number(share) : Number(share)));
}

function compare(a: bigint, b: bigint): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
