import { onStore } from "./on-store.ts";

/** What a cursor finds, one after the other.
 *  @throws Unavailable when the store does not answer. */
export async function* readAll<T>(cursor: { next(): Promise<T | null>; close(): Promise<void> }): AsyncGenerator<T> {
  try {
    for (;;) {
      const next = await onStore(() => cursor.next());
      if (next === null) return;
      yield next;
    }
  } finally {
    await cursor.close();
  }
}
