import type { Binary, Filter } from "mongodb";
import { type IndexDefinition, onStore, type Store } from "./connect-store.ts";
import { insertNew } from "./insert-new.ts";

/** What waits for a user's return. */
export type InboxDocument = {
  /** The intervention's id: an intervention is here once. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly userId: string;
  readonly createdAt: Date;
  /** InterventionFrame, with offset 0. */
  readonly frame: Binary;
  readonly expireAt?: Date;
  readonly readAt?: Date;
  readonly archivedAt?: Date;
  /** Cancelled, or delivered after all: never shown again. */
  readonly withdrawnAt?: Date;
};

export const inboxIndexes = [{ name: "by_user", key: { workspaceId: 1, userId: 1, createdAt: -1, _id: -1 } }] as const satisfies readonly IndexDefinition[];

/** No badge shows more. */
const UNREAD_COUNTED_MAX = 1_000;

/** Puts items in; one that is there stays as it is. */
export async function insertInboxItems(store: Store, items: readonly InboxDocument[]): Promise<void> {
  await insertNew(store.inbox, items);
}

/** Where a page begins. */
export type InboxPosition = { readonly createdAt: Date; readonly id: string };

/** A page, newest first, without what has expired or was withdrawn. */
export function listInbox(
  store: Store,
  options: { readonly workspaceId: string; readonly userId: string; readonly now: Date; readonly after?: InboxPosition; readonly limit: number; readonly includeArchived: boolean },
): Promise<InboxDocument[]> {
  const { after } = options;
  const filter: Filter<InboxDocument> = {
    ...shownTo(options),
    ...(options.includeArchived ? {} : { archivedAt: { $exists: false } }),
    ...(after === undefined ? {} : { $and: [{ $or: [{ createdAt: { $lt: after.createdAt } }, { createdAt: after.createdAt, _id: { $lt: after.id } }] }] }),
  };
  return onStore(() => store.inbox.find(filter).sort({ createdAt: -1, _id: -1 }).limit(options.limit).toArray());
}

/** How many are neither read nor archived, up to 1,000. */
export function countUnread(store: Store, options: { readonly workspaceId: string; readonly userId: string; readonly now: Date }): Promise<number> {
  return onStore(() => store.inbox.countDocuments({ ...shownTo(options), readAt: { $exists: false }, archivedAt: { $exists: false } }, { limit: UNREAD_COUNTED_MAX }));
}

/** Marks a user's items.
 *  @returns the ids of those that were not marked before. */
export async function markInbox(
  store: Store,
  options: { readonly workspaceId: string; readonly userId: string; readonly ids: readonly string[]; readonly mark: "readAt" | "archivedAt" | "withdrawnAt"; readonly at: Date },
): Promise<string[]> {
  const marked: string[] = [];
  for (const id of options.ids) {
    const filter = { _id: id, workspaceId: options.workspaceId, userId: options.userId, [options.mark]: { $exists: false } };
    const result = await onStore(() => store.inbox.updateOne(filter, { $set: { [options.mark]: options.at } }));
    if (result.modifiedCount === 1) marked.push(id);
  }
  return marked;
}

/** Withdraws items of several users at once. */
export async function withdrawInboxItems(store: Store, items: readonly { readonly workspaceId: string; readonly userId: string; readonly id: string }[], at: Date): Promise<void> {
  if (items.length === 0) return;
  await onStore(() =>
    store.inbox.bulkWrite(
      items.map(({ workspaceId, userId, id }) => ({ updateOne: { filter: { _id: id, workspaceId, userId, withdrawnAt: { $exists: false } }, update: { $set: { withdrawnAt: at } } } })),
      { ordered: false },
    ),
  );
}

function shownTo(options: { readonly workspaceId: string; readonly userId: string; readonly now: Date }): Filter<InboxDocument> {
  return {
    workspaceId: options.workspaceId,
    userId: options.userId,
    withdrawnAt: { $exists: false },
    $or: [{ expireAt: { $exists: false } }, { expireAt: { $gt: options.now } }],
  };
}
