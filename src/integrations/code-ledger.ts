import { Unavailable } from "../domain/errors.ts";
import {
  countDraws,
  findCodePool,
  findCodes,
  findDraws,
  insertDraws,
  type PoolScope,
  type Store,
} from "../store/index.ts";
import { LruCache } from "./lru-cache.ts";

/** What this process knows of a pool: the number to try next, and those that it found free again. */
type Book = { next: number; readonly free: number[] };

/** Pools kept in mind; one that is forgotten is counted anew. */
const BOOKS_MAX = 10_000;
/** Each time somebody else has taken the number first. */
const TRIES_MAX = 1_000;
/** After so many the others are far ahead: it is counted anew where they are. */
const TAKEN_MAX = 4;

/** Draws codes from pools, over all processes: never one twice, and the same one for the same claim however often it asks. A draw is
 *  a document that only one can insert; numbers are tried in order. */
export class CodeLedger {
  readonly #store: Store;
  readonly #books = new LruCache<Book>(BOOKS_MAX);

  constructor(store: Store) {
    this.#store = store;
  }

  /** @param claim who draws, such as an intervention's id.
   *  @returns undefined when the pool has none left, or is not there.
   *  @throws Unavailable; asking again is safe. */
  async draw(scope: PoolScope, claim: string, now: Date): Promise<string | undefined> {
    const number = (await this.#findDrawn(scope, claim)) ?? (await this.#drawNumber(scope, claim, now));
    return number === undefined ? undefined : (await findCodes(this.#store, scope, [number])).get(number);
  }

  async #findDrawn(scope: PoolScope, claim: string): Promise<number | undefined> {
    return (await findDraws(this.#store, scope, [claim])).get(claim);
  }

  async #drawNumber(scope: PoolScope, claim: string, now: Date): Promise<number | undefined> {
    const size = (await findCodePool(this.#store, scope))?.size ?? 0;
    const book = await this.#open(scope);
    for (let tries = 1; tries <= TRIES_MAX; tries += 1) {
      // Taken in one step, so that no two of this process try the same.
      const number = book.free.pop() ?? (book.next <= size ? book.next++ : await this.#findGap(scope, size));
      if (number === undefined) return undefined;
      const [conflict] = await insertDraws(this.#store, scope, [{ number, claim }], now).catch((error: unknown) => {
        // If it was inserted all the same, it shows as taken to whoever tries it next.
        book.free.push(number);
        throw error;
      });
      if (conflict === undefined) return number;
      if (conflict.why === "claimed") {
        // The same claim has drawn at the same time.
        book.free.push(number);
        return this.#findDrawn(scope, claim);
      }
      if (tries % TAKEN_MAX === 0) book.next = Math.max(book.next, (await countDraws(this.#store, scope)) + 1);
    }
    throw new Unavailable("store", { cause: new Error(`others drew from ${scope.pool} ${TRIES_MAX} times first`) });
  }

  async #open(scope: PoolScope): Promise<Book> {
    const key = `${scope.workspaceId}/${scope.pool}`;
    const known = this.#books.get(key);
    if (known !== undefined) return known;
    const next = (await countDraws(this.#store, scope)) + 1;
    // Another may have opened it meanwhile.
    const book = this.#books.get(key) ?? { next, free: [] };
    this.#books.set(key, book);
    return book;
  }

  /** A number that was passed over by somebody who died with it, or is just being taken. Found by halving: of those before the first
   *  gap as many are drawn as there are. */
  async #findGap(scope: PoolScope, size: number): Promise<number | undefined> {
    if (size === 0 || (await countDraws(this.#store, scope)) >= size) return undefined;
    let [low, high] = [0, size];
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if ((await countDraws(this.#store, scope, middle)) < middle) high = middle;
      else low = middle;
    }
    return high;
  }
}
