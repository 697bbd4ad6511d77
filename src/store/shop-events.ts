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

/** The newest events of a user, at most `limit`, newest first. */
export async function listShopEvents(
  store: Store,
  options: { readonly workspaceId: string; readonly userId: string; readonly limit: number },
): Promise<Uint8Array[]> {
  const { workspaceId, userId, limit } = options;
  const found = await onStore(() =>
    store.shopEvents
      .find({ workspaceId, userId }, { projection: { event: 1, at: 1 } })
      .sort({ at: -1 })
      .limit(limit)
      .toArray(),
  );
  return found.map(({ event }) => event.value());
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
