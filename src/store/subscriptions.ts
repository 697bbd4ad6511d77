import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";
import { PLACES, SPAN_FIRST, toPlace, toPlaceRange } from "./places.ts";

/** A topic that a user follows. */
export type SubscriptionDocument = {
  /** Workspace, topic and user as JSON: a user follows a topic once. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly userId: string;
  readonly topic: string;
  /** `toPlace`: followers of a topic in an order in which they are evenly spread. */
  readonly place: string;
  readonly createdAt: Date;
};

export const subscriptionIndexes = [
  // A span of a topic's followers; their count.
  { name: "by_topic", key: { workspaceId: 1, topic: 1, place: 1 } },
  // What a user follows.
  { name: "by_user", key: { workspaceId: 1, userId: 1, topic: 1 } },
] as const satisfies readonly IndexDefinition[];

type Whose = { readonly workspaceId: string; readonly userId: string };
type Which = Whose & { readonly topic: string };

const SPAN_FACTOR = 16;
const FOLLOWERS_COUNTED_MAX = 100_000;

const toId = ({ workspaceId, topic, userId }: Which) => JSON.stringify([workspaceId, topic, userId]);

/** Makes a user follow a topic.
 *  @returns since when. */
export async function subscribe(store: Store, which: Which, now: Date): Promise<Date> {
  const made = toSubscription(which, now);
  if ((await insertNew(store.subscriptions, [made])).length === 0) return now;
  return (await onStore(() => store.subscriptions.findOne({ _id: made._id })))?.createdAt ?? now;
}

export function toSubscription(which: Which, now: Date): SubscriptionDocument {
  const { workspaceId, userId, topic } = which;
  return { _id: toId(which), workspaceId, userId, topic, place: toPlace(userId), createdAt: now };
}

export async function unsubscribe(store: Store, which: Which): Promise<void> {
  await onStore(() => store.subscriptions.deleteOne({ _id: toId(which) }));
}

/** What a user follows, by topic; a user follows so few that they can be sorted.
 *  @param options.after the page begins after this topic; empty for the first. */
export function listSubscriptions(
  store: Store,
  { workspaceId, userId, after, limit }: Whose & { readonly after: string; readonly limit: number },
): Promise<SubscriptionDocument[]> {
  const filter = { workspaceId, userId, topic: { $gt: after } };
  return onStore(() => store.subscriptions.find(filter).sort({ topic: 1 }).limit(limit).toArray());
}

/** How many topics a user follows, counted up to `max`. */
export function countSubscriptions(store: Store, { workspaceId, userId }: Whose, max: number): Promise<number> {
  return onStore(() => store.subscriptions.countDocuments({ workspaceId, userId }, { limit: max }));
}

/** How many follow a topic, of the first 100,000. */
export function countFollowers(store: Store, workspaceId: string, topic: string): Promise<number> {
  return onStore(() => store.subscriptions.countDocuments({ workspaceId, topic }, { limit: FOLLOWERS_COUNTED_MAX }));
}

/** The followers of a topic whose places lie in [from, until), in no order: a walk through all of them, a span after another,
 *  has nothing to sort.
 *  @returns one more than `limit` when there are more. */
export async function listFollowers(
  store: Store,
  options: {
    readonly workspaceId: string;
    readonly topic: string;
    readonly from: number;
    readonly until: number;
    readonly limit: number;
  },
): Promise<string[]> {
  const { workspaceId, topic, from, until, limit } = options;
  const found = await onStore(() =>
    store.subscriptions
      .find({ workspaceId, topic, place: toPlaceRange(from, until) }, { projection: { userId: 1 } })
      .limit(limit + 1)
      .toArray(),
  );
  return found.map(({ userId }) => userId);
}

/** Whether anybody follows a topic. Looks further only while it finds nobody: a server that reads all it could return before it
 *  cuts off what is asked for has little to read either way. */
export async function isFollowed(store: Store, workspaceId: string, topic: string): Promise<boolean> {
  for (let until = SPAN_FIRST; ; until *= SPAN_FACTOR) {
    const found = await listFollowers(store, { workspaceId, topic, from: 0, until, limit: 1 });
    if (found.length > 0 || until >= PLACES) return found.length > 0;
  }
}
