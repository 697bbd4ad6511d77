/** Neighbouring bins differ by this factor, so that a quantile is off by 1 % at most. */
const GAMMA = 1.02;
const LN_GAMMA = Math.log(GAMMA);

/** Counts by bin; what several of them count is their sum, whatever the order. */
export type StageHistogram = ReadonlyMap<number, number>;

/** The bin of a duration, ms: bin i has those in (γ^(i-1), γ^i], and bin 0 all up to 1 ms. Source: Masson, Rim and Lee, "DDSketch: A
 *  Fast and Fully-Mergeable Quantile Sketch with Relative-Error Guarantees", VLDB 12(12), 2019, section 2. */
export const toStageBin = (ms: number): number => (ms <= 1 ? 0 : Math.ceil(Math.log(ms) / LN_GAMMA));

/** The duration that `share` of those counted do not exceed, ms; undefined when nothing was counted. */
export function toQuantile(histogram: StageHistogram, share: number): number | undefined {
  const bins = [...histogram].sort(([a], [b]) => a - b);
  const total = bins.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) return undefined;
  let left = Math.ceil(share * total);
  for (const [bin, count] of bins) {
    left -= count;
    if (left <= 0) return bin === 0 ? 1 : (2 * GAMMA ** bin) / (GAMMA + 1);
  }
  return undefined;
}
