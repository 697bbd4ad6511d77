import type { Filter } from "mongodb";
import type { ShopperFacts, StoreFilter } from "../domain/segment/index.ts";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";
import { profileId } from "./profiles.ts";

/** That a shopper is in a segment, or was. */
export type Membership = {
  readonly segmentId: string;
  readonly isIn: boolean;
  /** How many times he came or went: names each change. */
  readonly changes: number;
};

/** What segments look at of one shopper, and the segments he is in: reckoned from his profile, events and predictions, and never the
 *  truth about these. */
export type ShopperDocument = ShopperFacts & {
  /** As `profileId`. */
  readonly _id: string;
  readonly workspaceId: string;
  /** The surviving one, where ids were merged. */
  readonly userId: string;
  /** One more with each change. */
  readonly revision: number;
  /** `toFactKeys`, and `toMemberKey` of each segment he is in. */
  readonly keys: readonly string[];
  readonly memberships: readonly Membership[];
};

export const shopperIndexes = [
  // Those of whom an equality is true, and the members of a segment in order.
  { name: "by_key", key: { workspaceId: 1, keys: 1, userId: 1 } },
  { name: "by_user", key: { workspaceId: 1, userId: 1 } },
] as const satisfies readonly IndexDefinition[];

export const toMemberKey = (segmentId: string) => `member=${segmentId}`;

/** What is kept of these users, by user id. */
export async function findShoppers(
  store: Store,
  workspaceId: string,
  userIds: readonly string[],
): Promise<Map<string, ShopperDocument>> {
  const ids = userIds.map((userId) => profileId(workspaceId, userId));
  const found = await onStore(() => store.shoppers.find({ _id: { $in: ids } }).toArray());
  return new Map(found.map((document) => [document.userId, document]));
}

/** Puts a shopper in the place of the revision before.
 *  @returns false when another came first: read him again. */
export async function saveShopper(store: Store, shopper: ShopperDocument): Promise<boolean> {
  if (shopper.revision === 1) return (await insertNew(store.shoppers, [shopper])).length === 0;
  // The condition stands in the update: there are planners that find a document by its id only if nothing else is asked of it.
  const isBefore = { $eq: ["$revision", shopper.revision - 1] };
  const update = [{ $replaceWith: { $cond: [isBefore, { $literal: shopper }, "$$ROOT"] } }];
  const { modifiedCount } = await onStore(() => store.shoppers.updateOne({ _id: shopper._id }, update));
  return modifiedCount === 1;
}

/** A query for shoppers: those that have the key, and of these those that the filter finds. */
export type ShopperQuery = {
  readonly workspaceId: string;
  readonly key?: string | undefined;
  /** Absent: the key is enough. */
  readonly filter?: StoreFilter | undefined;
};

function toStages({ workspaceId, key, filter }: ShopperQuery) {
  const anchor = { workspaceId, ...(key === undefined ? {} : { keys: key }) };
  return [{ $match: anchor }, ...(filter === undefined ? [] : [{ $match: filter }])];
}

/** Longer than a look at a million shoppers takes. */
const COUNT_MS_MAX = 8_000;

/** How many there are. */
export async function countShoppers(store: Store, query: ShopperQuery): Promise<number> {
  const options = { maxTimeMS: COUNT_MS_MAX };
  if (query.filter === undefined) {
    const filter: Filter<ShopperDocument> = {
      workspaceId: query.workspaceId,
      ...(query.key === undefined ? {} : { keys: query.key }),
    };
    return onStore(() => store.shoppers.countDocuments(filter, options));
  }
  const [found] = await onStore(() =>
    store.shoppers.aggregate<{ n: number }>([...toStages(query), { $count: "n" }], options).toArray(),
  );
  return found?.n ?? 0;
}

/** Some of them. */
export async function sampleShoppers(store: Store, query: ShopperQuery, limit: number): Promise<string[]> {
  const stages = [...toStages(query), { $limit: limit }, { $project: { userId: 1 } }];
  const found = await onStore(() =>
    store.shoppers.aggregate<{ userId: string }>(stages, { maxTimeMS: COUNT_MS_MAX }).toArray(),
  );
  return found.map(({ userId }) => userId);
}

type Page = { readonly workspaceId: string; readonly after: string; readonly limit: number };

/** A page of everybody, in order of user id. */
export function listShoppers(store: Store, { workspaceId, after, limit }: Page): Promise<ShopperDocument[]> {
  return onStore(() =>
    store.shoppers
      .find({ workspaceId, userId: { $gt: after } })
      .sort({ userId: 1 })
      .limit(limit)
      .toArray(),
  );
}

/** A page of who has a key, in order of user id. */
export async function listKeyed(store: Store, { key, ...page }: Page & { readonly key: string }): Promise<string[]> {
  const found = await onStore(() =>
    store.shoppers
      .find(
        { workspaceId: page.workspaceId, keys: key, userId: { $gt: page.after } },
        { projection: { userId: 1 }, limit: page.limit },
      )
      .sort({ userId: 1 })
      .toArray(),
  );
  return found.map(({ userId }) => userId);
}
