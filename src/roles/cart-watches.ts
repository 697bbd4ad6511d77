import { findWatchDue, type SilenceBounds } from "../domain/context/index.ts";
import { LruCache } from "../integrations/lru-cache.ts";
import { insertCartWatches, type Store } from "../store/index.ts";

/** What somebody did himself, and when. */
export type Activity = { readonly workspaceId: string; readonly userId: string; readonly atMs: number };

/** Shoppers of whom this process remembers that a watch is there; of others it makes one more, which is harmless. Some 30 MB. */
const OPEN_MAX = 200_000;

/** Sees to it that after each activity somebody looks whether the cart was left behind: one watch a shopper and silence, not one an
 *  event. */
export class CartWatches {
  readonly #options: SilenceBounds & { readonly store: Store; readonly now: () => Date };
  readonly #openDueMs = new LruCache<number>(OPEN_MAX);

  constructor(options: SilenceBounds & { readonly store: Store; readonly now: () => Date }) {
    this.#options = options;
  }

  /** Returns when a watch of each of them is on disk. The activities must be kept before.
   *  @throws Unavailable when some may not be; doing it again is safe. */
  async cover(activities: readonly Activity[]): Promise<void> {
    const nowMs = this.#options.now().getTime();
    const newest = new Map<string, Activity>();
    for (const activity of activities) {
      const key = `${activity.workspaceId}/${activity.userId}`;
      if (activity.atMs > (newest.get(key)?.atMs ?? Number.NEGATIVE_INFINITY)) newest.set(key, activity);
    }
    const wanted = [...newest].flatMap(([key, { workspaceId, userId, atMs }]) => {
      const dueMs = findWatchDue(atMs, { ...this.#options, nowMs, openDueMs: this.#openDueMs.get(key) });
      return dueMs === undefined ? [] : [{ key, workspaceId, userId, dueMs }];
    });
    await insertCartWatches(this.#options.store, wanted);
    for (const { key, dueMs } of wanted) this.#openDueMs.set(key, dueMs);
  }
}
