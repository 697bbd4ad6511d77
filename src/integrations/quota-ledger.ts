import {
  countQuotaSlots,
  deleteQuotaSlot,
  findQuotaSlot,
  insertQuotaSlots,
  type QuotaScope,
  type Store,
} from "../store/index.ts";

/** What this process knows of a day's slots: which come next, and which were found free again. */
type Book = { next: number; readonly free: number[] };

/** Days kept in mind; one that is forgotten is counted anew. */
const BOOKS_MAX = 10_000;

/** Hands out the messages of daily quotas, over all processes: never more than a quota has, and one to a delivery however often it
 *  asks. Every slot is a document that only one can insert, so nothing has to be agreed on. */
export class QuotaLedger {
  readonly #store: Store;
  readonly #books = new Map<string, Promise<Book>>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** @returns those of the claims that have a slot now, or had one before.
   *  @throws Unavailable; asking again is safe. */
  async claim(scope: QuotaScope, quota: number, claims: readonly string[], now: Date): Promise<Set<string>> {
    const granted = new Set<string>();
    const book = await this.#open(scope);
    let open = [...new Set(claims)];
    while (open.length > 0) {
      const slots = take(book, open.length, quota);
      if (slots.length === 0) break;
      const taken = slots.map((slot, index) => ({ slot, claim: open[index] ?? "" }));
      const conflicts = await insertQuotaSlots(this.#store, scope, taken, now).catch((error: unknown) => {
        // Those that were inserted all the same show as taken to whoever tries them next.
        book.free.push(...slots);
        throw error;
      });
      const whyOf = new Map(conflicts.map(({ index, why }) => [index, why]));
      const again: string[] = [];
      for (const [index, { slot, claim }] of taken.entries()) {
        const why = whyOf.get(index);
        if (why === "taken") again.push(claim);
        else granted.add(claim);
        if (why === "claimed") book.free.push(slot);
      }
      open = [...again, ...open.slice(slots.length)];
    }
    for (const claim of open)
      if ((await findQuotaSlot(this.#store, scope.workspaceId, claim)) !== undefined) granted.add(claim);
    return granted;
  }

  /** Gives back what was claimed for what no provider ever gets. This process alone hands the slot out again. */
  async giveBack(workspaceId: string, claim: string): Promise<void> {
    const found = await findQuotaSlot(this.#store, workspaceId, claim);
    if (found === undefined) return;
    const book = await this.#open(found);
    await deleteQuotaSlot(this.#store, workspaceId, claim);
    book.free.push(found.slot);
  }

  #open(scope: QuotaScope): Promise<Book> {
    const key = `${scope.workspaceId}/${scope.channel}/${scope.day}`;
    const known = this.#books.get(key);
    if (known !== undefined) return known;
    // Slots are taken in order, so that about as many as there are have been tried.
    const book = countQuotaSlots(this.#store, scope).then((count) => ({ next: count + 1, free: [] }));
    book.catch(() => this.#books.delete(key));
    const [oldest] = this.#books.keys();
    if (this.#books.size >= BOOKS_MAX && oldest !== undefined) this.#books.delete(oldest);
    this.#books.set(key, book);
    return book;
  }
}

/** Up to so many slots within the quota, which nobody else in this process gets. */
function take(book: Book, count: number, quota: number): number[] {
  const slots: number[] = [];
  while (slots.length < count) {
    const slot = book.free.pop() ?? (book.next <= quota ? book.next++ : undefined);
    if (slot === undefined) break;
    // A quota that was lowered leaves slots behind that there are no more.
    if (slot <= quota) slots.push(slot);
  }
  return slots;
}
