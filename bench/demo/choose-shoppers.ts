import type { Purchase } from "../cdnow.ts";

/** Which customers are connected: half of them those who buy most, so that much is delivered live, and half spread evenly over
 *  everybody else. The same purchases give the same shoppers. */
export function chooseShoppers(purchases: readonly Purchase[], count: number): string[] {
  const counts = new Map<string, number>();
  for (const { customer } of purchases) counts.set(customer, (counts.get(customer) ?? 0) + 1);
  const byPurchases = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).map(([customer]) => customer);
  const best = byPurchases.slice(0, Math.ceil(count / 2));
  const others = byPurchases.slice(best.length);
  const wanted = Math.min(count - best.length, others.length);
  const spread = Array.from({ length: wanted }, (_, i) => others[Math.floor((i * others.length) / wanted)]);
  return [...best, ...spread.filter((customer) => customer !== undefined)];
}
