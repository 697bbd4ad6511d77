import { describe, expect, it } from "vitest";
import { CDNOW_TOTALS, parsePurchase, readCdnow, toTotals } from "./cdnow.ts";

describe("the CDNOW purchases", () => {
  it("are 69,659 by 23,570 customers for 2,500,315.63 dollars, in order of date", async () => {
    const purchases = await readCdnow();
    expect(toTotals(purchases)).toEqual(CDNOW_TOTALS);
    expect(purchases[0]).toEqual({ line: 2, customer: "00001", date: "1997-01-01", cds: 1, cents: 1177 });
    expect(purchases.at(-1)?.date).toBe("1998-06-30");
    expect(purchases.every(({ date }, i) => i === 0 || (purchases[i - 1]?.date ?? "") <= date)).toBe(true);
    expect(new Set(purchases.map(({ line }) => line)).size).toBe(CDNOW_TOTALS.purchases);
    expect(purchases.filter(({ cents }) => cents === 0)).toHaveLength(80);
  });

  it("keep two purchases alike apart by their line", () => {
    const text = " 00139 19970102  1    7.99\r";
    expect(parsePurchase(text, 7)).not.toEqual(parsePurchase(text, 8));
  });

  it.each([
    ["no cents", " 00001 19970101  1   11"],
    ["a negative value", " 00001 19970101  1   -1.00"],
    ["a missing column", " 00001 19970101  11.77"],
    ["nothing", ""],
  ])("are refused when a line has %s", (_name, text) => {
    expect(() => parsePurchase(text, 12)).toThrow("line 12");
  });
});
