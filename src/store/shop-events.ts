import { Binary } from "mongodb";
import { type ShopEvent, ShopEventKind } from "../../gen/intervention/v1/shopper_pb.js";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

/** One thing a shopper did, never changed: what is known of a shopper is reckoned from these. */
export type ShopEventDocument = {
  /** `{workspace}/{event}`. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly userId: string;
  /** ShopEventKind's number. */
  readonly kind: number;
  readonly at: Date;
  readonly receivedAt: Date;
  /** ShopEvent. */
  readonly event: Binary;
};

/** A year of orders, then the server removes them. */
const KEPT_S = 366 * 86_400;

export const shopEventIndexes = [
  { name: "by_user", key: { workspaceId: 1, userId: 1, at: -1 } },
  { name: "retention", key: { receivedAt: 1 }, expireAfterSeconds: KEPT_S },
] as const satisfies readonly IndexDefinition[];

/** An event with its time and its bytes. */
export type GivenShopEvent = { readonly event: ShopEvent; readonly body: Uint8Array; readonly at: Date };

/** Keeps what is new.
 *  @returns how many were known. */
export async function insertShopEvents(
  store: Store,
  events: readonly (GivenShopEvent & { readonly workspaceId: string })[],
  receivedAt: Date,
): Promise<number> {
  const documents = events.map(({ event, body, at, workspaceId }) => ({
    ...{ _id: `${workspaceId}/${event.eventId}`, workspaceId, userId: event.userId, kind: event.kind, at, receivedAt },
    event: new Binary(body),
  }));
  return (await insertNew(store.shopEvents, documents)).length;
}

/** The first span that is looked at for the newest events of somebody who has more than are wanted, ms; it grows and shrinks. */
const SPAN_MS_FIRST = 3_600_000;
const SPAN_FACTOR = 4;
/** No event that is taken in is further ahead: an hour, and what clocks differ by. */
const AHEAD_MS_MAX = 7_200_000;

type Found = { readonly at: Date; readonly event: Binary };

/** The newest events of a user, at most `limit`, newest first. However many he has: whoever has more than `limit` is looked at in
 *  spans of time from the newest on, none of which returns more than are wanted, since a server that takes no order from its index
 *  would sort them all. */
export async function listShopEvents(
  store: Store,
  options: { readonly workspaceId: string; readonly userId: string; readonly limit: number; readonly now: Date },
): Promise<Uint8Array[]> {
  const { workspaceId, userId, limit, now } = options;
  const whose = { workspaceId, userId };
  const all = await findEvents(store, whose, limit + 1);
  const found = all.length <= limit ? all : await findNewest(store, whose, { limit, now });
  return found.sort((a, b) => b.at.getTime() - a.at.getTime()).map(({ event }) => event.value());
}

/** The events of several users in one round trip, each user's newest first: a read for each of them costs thirty times as much.
 *  @returns undefined when there are more than `limit` in all. */
export async function findShopEventsOf(
  store: Store,
  options: { readonly workspaceId: string; readonly userIds: readonly string[]; readonly limit: number },
): Promise<Map<string, Uint8Array[]> | undefined> {
  const { workspaceId, userIds, limit } = options;
  const found = await onStore(() =>
    store.shopEvents
      .find({ workspaceId, userId: { $in: [...userIds] } }, { projection: { userId: 1, at: 1, event: 1 } })
      .batchSize(limit + 1)
      .limit(limit + 1)
      .toArray(),
  );
  if (found.length > limit) return undefined;
  const newestFirst = found.sort((a, b) => b.at.getTime() - a.at.getTime());
  return new Map(
    [...Map.groupBy(newestFirst, ({ userId }) => userId)].map(([userId, events]) => [
      userId,
      events.map(({ event }) => event.value()),
    ]),
  );
}

async function findNewest(
  store: Store,
  whose: Whose,
  { limit, now }: { readonly limit: number; readonly now: Date },
): Promise<Found[]> {
  const newest: Found[] = [];
  let untilMs = now.getTime() + AHEAD_MS_MAX;
  for (let spanMs = SPAN_MS_FIRST; newest.length < limit && untilMs > 0; ) {
    const at = { $gte: new Date(untilMs - spanMs), $lt: new Date(untilMs) };
    const found = await findEvents(store, { ...whose, at }, limit - newest.length + 1);
    if (newest.length + found.length > limit && spanMs > 1) {
      spanMs = Math.ceil(spanMs / SPAN_FACTOR);
      continue;
    }
    newest.push(...found);
    untilMs -= spanMs;
    spanMs *= SPAN_FACTOR;
  }
  return newest.slice(0, limit);
}

type Whose = { readonly workspaceId: string; readonly userId: string };

function findEvents(store: Store, filter: Whose & { readonly at?: object }, limit: number): Promise<Found[]> {
  return onStore(() =>
    store.shopEvents
      .find(filter, { projection: { event: 1, at: 1 }, batchSize: limit })
      .limit(limit)
      .toArray(),
  );
}

/** Every user who did something, in no order, some thousand at a time. */
export async function* streamShopEventUsers(store: Store, workspaceId: string): AsyncGenerator<string> {
  const stages = [{ $match: { workspaceId } }, { $group: { _id: "$userId" } }];
  for await (const { _id } of store.shopEvents.aggregate<{ _id: string }>(stages, { allowDiskUse: true })) yield _id;
}

/** The orders of a user in [from, until]. */
export async function listOrders(
  store: Store,
  options: { readonly workspaceId: string; readonly userId: string; readonly from: Date; readonly until: Date },
): Promise<Uint8Array[]> {
  const { workspaceId, userId, from, until } = options;
  const found = await onStore(() =>
    store.shopEvents
      .find({ workspaceId, userId, at: { $gte: from, $lte: until } }, { projection: { event: 1, kind: 1 } })
      .toArray(),
  );
  return found.filter(({ kind }) => kind === ShopEventKind.ORDER_PLACED).map(({ event }) => event.value());
}
