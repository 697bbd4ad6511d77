import type { Binary } from "mongodb";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

/** Something that goes into a digest: into one, once, for ever. */
export type DigestItemDocument = {
  /** `{key}/{item}`. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly userId: string;
  /** `{workspace}/{campaign}/{user}`: whose digests these are. */
  readonly key: string;
  readonly state: "pending" | "taken";
  readonly itemId: string;
  readonly collectedAt: Date;
  /** TriggerSource. */
  readonly source: Binary;
  /** Kept a while, so that an item that is heard again is known. */
  readonly takenAt?: Date;
};

/** The window of a key that is open, or is being closed. There is one at most, and the next one opens when it is gone. */
export type DigestWindowDocument = {
  /** The key. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly userId: string;
  readonly campaignId: string;
  readonly windowId: string;
  readonly closesAt: Date;
  /** Fixed when it closes: what is in the digest, and nothing else ever. */
  readonly itemIds?: readonly string[];
};

/** Longer than any event or prediction is told again. */
const TAKEN_KEPT_S = 31 * 86_400;

export const digestItemIndexes = [
  { name: "by_user", key: { workspaceId: 1, userId: 1 } },
  { name: "by_key", key: { key: 1, state: 1 } },
  { name: "retention", key: { takenAt: 1 }, expireAfterSeconds: TAKEN_KEPT_S },
] as const satisfies readonly IndexDefinition[];
export const digestWindowIndexes = [
  { name: "by_user", key: { workspaceId: 1, userId: 1 } },
  // A window of a key and no later one. There are servers that would look at every window without it, the key or not.
  { name: "by_window", key: { _id: 1, windowId: 1 } },
] as const satisfies readonly IndexDefinition[];

/** Puts items down; one that is known is left as it is. */
export async function insertDigestItems(store: Store, items: readonly DigestItemDocument[]): Promise<void> {
  await insertNew(store.digestItems, items);
}

/** Those of a key that are in no digest yet, oldest first. */
export async function listPendingItems(store: Store, key: string, limit: number): Promise<DigestItemDocument[]> {
  const filter = { key, state: "pending" as const };
  return onStore(() => store.digestItems.find(filter).sort({ collectedAt: 1, _id: 1 }).limit(limit).toArray());
}

export async function findDigestItems(store: Store, ids: readonly string[]): Promise<DigestItemDocument[]> {
  const found = await onStore(() => store.digestItems.find({ _id: { $in: [...ids] } }).toArray());
  const byId = new Map(found.map((item) => [item._id, item]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}

export async function takeDigestItems(store: Store, ids: readonly string[], takenAt: Date): Promise<void> {
  const update = { $set: { state: "taken" as const, takenAt } };
  await onStore(() => store.digestItems.updateMany({ _id: { $in: [...ids] } }, update));
}

/** Opens a window unless one is open.
 *  @returns the one that is. */
export async function openDigestWindow(
  store: Store,
  window: Omit<DigestWindowDocument, "itemIds">,
): Promise<DigestWindowDocument | undefined> {
  await insertNew(store.digestWindows, [window]);
  return findDigestWindow(store, window._id);
}

export async function findDigestWindow(store: Store, key: string): Promise<DigestWindowDocument | undefined> {
  return (await onStore(() => store.digestWindows.findOne({ _id: key }))) ?? undefined;
}

/** Fixes what is in a window, unless somebody has done so.
 *  @returns what is in it; undefined when this window is gone. */
export async function sealDigestWindow(
  store: Store,
  key: string,
  { windowId, itemIds }: { readonly windowId: string; readonly itemIds: readonly string[] },
): Promise<readonly string[] | undefined> {
  const isOpen = { $and: [{ $eq: ["$windowId", windowId] }, { $eq: [{ $type: "$itemIds" }, "missing"] }] };
  // The condition stands in the update, not in the filter: see `saveShopper`.
  const update = [{ $set: { itemIds: { $cond: [isOpen, { $literal: [...itemIds] }, "$itemIds"] } } }];
  const found = await onStore(() =>
    store.digestWindows.findOneAndUpdate({ _id: key }, update, { returnDocument: "after" }),
  );
  return found?.windowId === windowId ? found.itemIds : undefined;
}

export async function deleteDigestWindow(store: Store, key: string, windowId: string): Promise<void> {
  await onStore(() => store.digestWindows.deleteOne({ _id: key, windowId }));
}
