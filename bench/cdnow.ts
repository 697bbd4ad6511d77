import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";

/** One purchase, as the shop wrote it down. */
export type Purchase = {
  /** Its line in the file, from 1 with the header: what tells two purchases alike from each other. */
  readonly line: number;
  readonly customer: string;
  /** YYYY-MM-DD. */
  readonly date: string;
  readonly cds: number;
  readonly cents: number;
};

export type Totals = { readonly purchases: number; readonly customers: number; readonly cents: number };

/** What the whole file is known to hold. */
export const CDNOW_TOTALS: Totals = { purchases: 69_659, customers: 23_570, cents: 250_031_563 };

const cdnowPath = fileURLToPath(new URL("./data/cdnow.txt.gz", import.meta.url));

/** Reads the CDNOW purchases in order of date; those of one day in the order of the file.
 *  @throws Error when a line cannot be read, or the totals are not the known ones. */
export async function readCdnow(path: string = cdnowPath): Promise<Purchase[]> {
  // 2.5 MB unpacked: small enough to be read at once.
  const text = (await promisify(gunzip)(await readFile(path))).toString("latin1");
  const [, ...rows] = text.trimEnd().split("\n");
  const purchases = rows.map((row, i) => parsePurchase(row, i + 2));
  const totals = toTotals(purchases);
  if (!areEqual(totals, CDNOW_TOTALS)) {
    throw new Error(`${path} holds ${JSON.stringify(totals)} and not ${JSON.stringify(CDNOW_TOTALS)}: copy it anew`);
  }
  // The sort is stable, and dates of this form sort as text.
  return purchases.sort((a, b) => (a.date < b.date ? -1 : a.date > b.date ? 1 : 0));
}

const columns = /^\s*(\d{5})\s+(\d{4})(\d{2})(\d{2})\s+(\d{1,6})\s+(\d{1,9})\.(\d{2})\s*$/;

/** @throws Error that shows the line. */
export function parsePurchase(text: string, line: number): Purchase {
  const match = columns.exec(text);
  if (match === null) throw new Error(`line ${line} is not "customer date cds dollars": ${JSON.stringify(text)}`);
  const [, customer = "", year, month, day, cds, dollars, cents] = match;
  // Dollars and cents are read apart, so that no sum ever meets a binary fraction.
  return {
    line,
    customer,
    date: `${year}-${month}-${day}`,
    cds: Number(cds),
    cents: Number(dollars) * 100 + Number(cents),
  };
}

export function toTotals(purchases: Iterable<Pick<Purchase, "customer" | "cents">>): Totals {
  const customers = new Set<string>();
  let count = 0;
  let cents = 0;
  for (const purchase of purchases) {
    count += 1;
    cents += purchase.cents;
    customers.add(purchase.customer);
  }
  return { purchases: count, customers: customers.size, cents };
}

export function areEqual(a: Totals, b: Totals): boolean {
  return a.purchases === b.purchases && a.customers === b.customers && a.cents === b.cents;
}
