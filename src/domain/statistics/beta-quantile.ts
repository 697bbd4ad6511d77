import { betaCdf, fromLogit } from "./beta.ts";
import { findRoot } from "./find-root.ts";

/** No double is further from one half than this, in logits. */
const LOGIT_MAX = 700;

/** The place below which Beta(a, b) lies with probability p, found on logits, where the distribution function is smooth near both ends.
 *  @param p in (0, 1). @param a above 0. @param b above 0. */
export function betaQuantile(p: number, a: number, b: number): number {
  const root = findRoot((u) => betaCdf(fromLogit(u).x, a, b) - p, -LOGIT_MAX, LOGIT_MAX);
  return fromLogit(root).x;
}
