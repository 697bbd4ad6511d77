import type { Binary } from "mongodb";
import type { Store } from "./connect-store.ts";
import { findHappened } from "./events.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

/** What waits for a user's return. */
export type InboxDocument = {
  /** The intervention's id: an intervention is here once. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly userId: string;
  /** `toPosition` of the time and the id: what lists are ordered by and pages begin at. */
  readonly position: string;
  /** Withdrawn: cancelled; never shown again. */
  readonly state: "unread" | "read" | "archived" | "withdrawn";
  readonly createdAt: Date;
  /** InterventionFrame, with offset 0. */
  readonly frame: Binary;
  readonly expireAt?: Date;
  readonly readAt?: Date;
  readonly archivedAt?: Date;
  /** It was sent to a live socket first, and no device acknowledged it. One that does so later takes it out of here. */
  readonly wasSent?: boolean;
};

export const inboxIndexes = [
  { name: "by_user", key: { workspaceId: 1, userId: 1, position: -1 } },
] as const satisfies readonly IndexDefinition[];

/** No badge shows more, and no list goes further back. */
const LOOKED_AT_MAX = 1_000;

/** Puts items in; one that is there stays as it is. */
export async function insertInboxItems(store: Store, items: readonly InboxDocument[]): Promise<void> {
  await insertNew(store.inbox, items);
}

type Whose = { readonly workspaceId: string; readonly userId: string };

/** A page, newest first, without what has expired, was withdrawn or reached a device after all.
 *  @param options.before a position; the page begins after it. */
export async function listInbox(
  store: Store,
  options: Whose & {
    readonly now: Date;
    readonly before?: string;
    readonly limit: number;
    readonly includeArchived: boolean;
  },
): Promise<InboxDocument[]> {
  const filter = {
    workspaceId: options.workspaceId,
    userId: options.userId,
    ...(options.before === undefined ? {} : { position: { $lt: options.before } }),
  };
  const newest = await onStore(() => store.inbox.find(filter).sort({ position: -1 }).limit(LOOKED_AT_MAX).toArray());
  const states = new Set(options.includeArchived ? ["unread", "read", "archived"] : ["unread", "read"]);
  return (
    await dropDelivered(
      store,
      newest.filter((item) => states.has(item.state) && !isExpired(item, options.now)),
    )
  ).slice(0, options.limit);
}

/** How many are neither read nor archived, of the newest 1,000. */
export async function countUnread(
  store: Store,
  { workspaceId, userId, now }: Whose & { readonly now: Date },
): Promise<number> {
  const projection = { state: 1, expireAt: 1, wasSent: 1 };
  const newest = await onStore(() =>
    store.inbox.find({ workspaceId, userId }, { projection }).sort({ position: -1 }).limit(LOOKED_AT_MAX).toArray(),
  );
  return (
    await dropDelivered(
      store,
      newest.filter((item) => item.state === "unread" && !isExpired(item, now)),
    )
  ).length;
}

const isExpired = ({ expireAt }: Pick<InboxDocument, "expireAt">, now: Date) =>
  expireAt !== undefined && expireAt.getTime() <= now.getTime();

async function dropDelivered<T extends Pick<InboxDocument, "_id" | "wasSent">>(
  store: Store,
  items: readonly T[],
): Promise<readonly T[]> {
  const sent = items.filter(({ wasSent }) => wasSent === true).map(({ _id }) => _id);
  if (sent.length === 0) return items;
  const delivered = await findHappened(store, sent, ["delivered"]);
  return items.filter(({ _id }) => !delivered.has(_id));
}

/** Those of the ids that are in a user's inbox, whether or not they are still shown. */
export async function findInboxItems(
  store: Store,
  { workspaceId, userId, ids }: Whose & { readonly ids: readonly string[] },
): Promise<InboxDocument[]> {
  const found = await onStore(() => store.inbox.find({ _id: { $in: [...ids] } }).toArray());
  return found.filter((item) => item.workspaceId === workspaceId && item.userId === userId);
}

/** Marks a user's items. What is withdrawn stays so, and what is archived is not unread again. */
export async function markInbox(
  store: Store,
  options: Whose & { readonly ids: readonly string[]; readonly mark: "read" | "archived"; readonly at: Date },
): Promise<void> {
  const own = await findInboxItems(store, options);
  const from = options.mark === "read" ? ["unread"] : ["unread", "read"];
  const time = options.mark === "read" ? "readAt" : "archivedAt";
  // The condition stands in the update, not in the filter: there are planners that find a document by its id only if nothing
  // else is asked of it.
  const when = <T>(then: T, otherwise: unknown) => ({ $cond: [{ $in: ["$state", from] }, then, otherwise] });
  await updateById(
    store,
    own.map(({ _id }) => _id),
    [{ $set: { [time]: when(options.at, `$${time}`), state: when(options.mark, "$state") } }],
  );
}

/** Withdraws items. */
export async function withdrawInboxItems(store: Store, ids: readonly string[]): Promise<void> {
  await updateById(store, ids, [{ $set: { state: "withdrawn" } }]);
}

async function updateById(
  store: Store,
  ids: readonly string[],
  update: { $set: Record<string, unknown> }[],
): Promise<void> {
  if (ids.length === 0) return;
  await onStore(() =>
    store.inbox.bulkWrite(
      ids.map((_id) => ({ updateOne: { filter: { _id }, update } })),
      { ordered: false },
    ),
  );
}
