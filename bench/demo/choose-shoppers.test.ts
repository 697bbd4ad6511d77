import { describe, expect, it } from "vitest";
import { chooseShoppers } from "./choose-shoppers.ts";

const purchasesOf = (counts: Readonly<Record<string, number>>) =>
  Object.entries(counts).flatMap(([customer, count]) =>
    Array.from({ length: count }, (_, i) => ({ customer, line: i, date: "1997-01-01", cds: 1, cents: 1 })),
  );

describe("the connected shoppers", () => {
  const purchases = purchasesOf({ a: 1, b: 9, c: 2, d: 1, e: 7, f: 1, g: 1, h: 1 });

  it("are the best customers and some of all others, each once", () => {
    const shoppers = chooseShoppers(purchases, 4);
    expect(shoppers.slice(0, 2)).toEqual(["b", "e"]);
    expect(new Set(shoppers).size).toBe(4);
  });

  it("are everybody when there are no more", () => {
    expect(new Set(chooseShoppers(purchases, 100))).toEqual(new Set(["a", "b", "c", "d", "e", "f", "g", "h"]));
  });
});
