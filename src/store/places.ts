import { createHash } from "node:crypto";
import { invariant } from "../domain/assert.ts";

/** Places are 32-bit numbers: this many, from 0 on. Users are spread evenly over them, so that all of them can be walked through in
 *  bounded pages without an order: there are servers that sort everything they could return before they cut it off. */
export const PLACES = 2 ** 32;
const PLACE_DIGITS = 8;
/** A span of this many places has some hundred of half a million users. */
export const SPAN_FIRST = 2 ** 20;

/** Where a user stands, as documents have it. */
export const toPlace = (userId: string) =>
  createHash("sha256").update(userId, "utf8").digest("hex").slice(0, PLACE_DIGITS);

const toHex = (place: number) => place.toString(16).padStart(PLACE_DIGITS, "0");

/** A filter for the places in [from, until). */
export const toPlaceRange = (from: number, until: number) => ({
  $gte: toHex(from),
  ...(until >= PLACES ? {} : { $lt: toHex(until) }),
});

/** Up to a page, by one span after another that suits how densely users lie: never more is asked for than a page takes.
 *  @param options.find those in [from, until), at most one more than `limit`.
 *  @returns those in [from, until), and the span that suited last. */
export async function readPlaces<T>(options: {
  readonly from: number;
  readonly span: number;
  readonly pageMax: number;
  readonly find: (range: { readonly from: number; readonly until: number; readonly limit: number }) => Promise<T[]>;
}): Promise<{ readonly found: readonly T[]; readonly until: number; readonly span: number }> {
  const { find, pageMax } = options;
  const found: T[] = [];
  let { span, from: until } = options;
  while (until < PLACES && found.length < pageMax / 2) {
    const next = Math.min(PLACES, until + span);
    const limit = pageMax - found.length;
    const part = await find({ from: until, until: next, limit });
    if (part.length > limit) {
      invariant(next - until > 1, `more than ${limit} users have the place ${until}`);
      span = Math.ceil((next - until) / 2);
      if (found.length > 0) break;
      continue;
    }
    found.push(...part);
    until = next;
    if (part.length < pageMax / 4) span = Math.min(PLACES, span * 2);
  }
  return { found, until, span };
}
