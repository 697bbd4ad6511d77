import { refuse } from "./refuse.ts";

/** Values with everything above a quantile lowered to it, so that a few huge orders don't drown the rest. What is compared
 *  afterwards is a mean of the lowered values: name the quantile beforehand, and use one threshold for all arms together.
 *  @param input.quantile in [0, 1], linearly interpolated (type 7). @throws InvalidInput for an empty list.
 *  Source: R. J. Hyndman, Y. Fan, Sample Quantiles in Statistical Packages, American Statistician 50 (1996). */
export function winsorize({ values, quantile }: { readonly values: readonly number[]; readonly quantile: number }): {
  threshold: number;
  values: number[];
} {
  if (values.length === 0) refuse("values", "at least one is needed");
  if (!(quantile >= 0 && quantile <= 1)) refuse("quantile", `${quantile}: a quantile is in [0, 1]`);
  const sorted = Float64Array.from(values).sort();
  const rank = (values.length - 1) * quantile;
  const low = sorted[Math.floor(rank)] ?? 0;
  const high = sorted[Math.ceil(rank)] ?? low;
  const share = rank - Math.floor(rank);
  // From the nearer end, so that a share of 1 or 0 gives the value itself.
  const threshold = share < 0.5 ? low + (high - low) * share : high - (high - low) * (1 - share);
  return { threshold, values: values.map((value) => Math.min(value, threshold)) };
}
