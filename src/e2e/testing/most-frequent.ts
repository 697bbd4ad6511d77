import type { Purchase } from "../../../bench/cdnow.ts";

/** Ids of the customers who bought most often. */
export function mostFrequent(purchases: readonly Purchase[], count: number): ReadonlySet<string> {
  const byCustomer = Map.groupBy(purchases, ({ customer }) => customer);
  const sorted = [...byCustomer].sort(([, a], [, b]) => b.length - a.length);
  return new Set(sorted.slice(0, count).map(([customer]) => customer));
}
