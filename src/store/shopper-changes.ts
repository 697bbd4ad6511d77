import { randomUUID } from "node:crypto";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { onStore } from "./on-store.ts";

/** That something has changed of a shopper, which segments have yet to look at. Each change is noted by itself: one that comes while
 *  its shopper is looked at is looked at again. */
export type ShopperChangeDocument = {
  readonly _id: string;
  readonly workspaceId: string;
  readonly userId: string;
};

export const shopperChangeIndexes = [
  { name: "by_user", key: { workspaceId: 1, userId: 1 } },
] as const satisfies readonly IndexDefinition[];

/** Notes it, on disk. */
export async function noteShopperChanges(
  store: Store,
  changes: readonly Omit<ShopperChangeDocument, "_id">[],
): Promise<void> {
  if (changes.length === 0) return;
  const documents = changes.map((change) => ({ _id: randomUUID(), ...change }));
  await onStore(() => store.shopperChanges.insertMany(documents, { ordered: false }));
}

/** Some of a workspace's that are noted. */
export function listShopperChanges(store: Store, workspaceId: string, limit: number): Promise<ShopperChangeDocument[]> {
  return onStore(() => store.shopperChanges.find({ workspaceId }).limit(limit).toArray());
}

/** They have been looked at. */
export async function deleteShopperChanges(store: Store, ids: readonly string[]): Promise<void> {
  await onStore(() => store.shopperChanges.deleteMany({ _id: { $in: [...ids] } }));
}
