import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

/** Says that a shopper is to be looked at when it falls due: has he left a cart behind? Written once and deleted, never changed. */
export type CartWatchDocument = {
  /** `{workspace}/{due, ms since 1970}/{user}`: whoever needs the same watch makes the same one. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly userId: string;
  readonly dueAt: Date;
};

/** Longer than anybody can set EVENT_TRIGGER_AGE_MS: what nobody looks at, since the detection was switched off, goes by itself. */
const KEPT_S = 8 * 86_400;

export const cartWatchIndexes = [
  { name: "due", key: { workspaceId: 1, dueAt: 1 } },
  { name: "by_user", key: { workspaceId: 1, userId: 1 } },
  { name: "retention", key: { dueAt: 1 }, expireAfterSeconds: KEPT_S },
] as const satisfies readonly IndexDefinition[];

/** Makes those that are not there yet. */
export async function insertCartWatches(
  store: Store,
  watches: readonly { readonly workspaceId: string; readonly userId: string; readonly dueMs: number }[],
): Promise<void> {
  const documents = watches.map(({ workspaceId, userId, dueMs }) => ({
    ...{ _id: `${workspaceId}/${dueMs}/${userId}`, workspaceId, userId, dueAt: new Date(dueMs) },
  }));
  await insertNew(store.cartWatches, documents);
}

/** Some that fell due by `until`, at most `limit`. */
export async function listDueCartWatches(
  store: Store,
  options: { readonly workspaceId: string; readonly until: Date; readonly limit: number },
): Promise<CartWatchDocument[]> {
  const { workspaceId, until, limit } = options;
  return onStore(() =>
    store.cartWatches
      .find({ workspaceId, dueAt: { $lte: until } }, { batchSize: limit + 1 })
      .limit(limit)
      .toArray(),
  );
}

/** Removes them by their ids. */
export async function deleteCartWatches(store: Store, ids: readonly string[]): Promise<void> {
  await onStore(() => store.cartWatches.deleteMany({ _id: { $in: [...ids] } }));
}
