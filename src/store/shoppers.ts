import { isDeepStrictEqual } from "node:util";
import type { Filter } from "mongodb";
import { Unavailable } from "../domain/errors.ts";
import {
  type Customer,
  type Membership,
  type ShopperFacts,
  type StoreFilter,
  toListKey,
} from "../domain/segment/index.ts";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";
import { toPlace, toPlaceRange } from "./places.ts";
import { profileId } from "./profiles.ts";

/** What segments look at of one shopper, and the segments he is in: reckoned from his profile, events and predictions, and never the
 *  truth about these. */
export type ShopperDocument = ShopperFacts & {
  /** As `profileId`. */
  readonly _id: string;
  readonly workspaceId: string;
  /** The surviving one, where ids were merged. */
  readonly userId: string;
  /** Where everybody is walked through, see `toPlace`. */
  readonly place: string;
  /** One more with each change. */
  readonly revision: number;
  /** `toFactKeys`, and `toMemberKey` of each segment he is in. */
  readonly keys: readonly string[];
  readonly memberships: readonly Membership[];
};

export const shopperIndexes = [
  // Those of whom an equality is true, and the members of a segment page by page.
  { name: "by_key", key: { workspaceId: 1, keys: 1, place: 1 } },
  // Everybody, page by page.
  { name: "by_place", key: { workspaceId: 1, place: 1 } },
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

/** In which segments these users are or were, by user id; of those of whom nothing is kept, nothing. */
export async function findMemberships(
  store: Store,
  workspaceId: string,
  userIds: readonly string[],
): Promise<Map<string, readonly Membership[]>> {
  const ids = userIds.map((userId) => profileId(workspaceId, userId));
  const projection = { userId: 1, memberships: 1 };
  const found = await onStore(() => store.shoppers.find({ _id: { $in: ids } }, { projection }).toArray());
  return new Map(found.map(({ userId, memberships }) => [userId, memberships]));
}

/** Puts each shopper in the place of his revision before, in one round trip.
 *  @returns the ids of those where another came first: read them again. */
export async function saveShoppers(store: Store, shoppers: readonly ShopperDocument[]): Promise<Set<string>> {
  const fresh = shoppers.filter(({ revision }) => revision === 1);
  const changed = shoppers.filter(({ revision }) => revision > 1);
  const conflicts = await insertNew(store.shoppers, fresh);
  const lost = new Set(conflicts.flatMap(({ index }) => fresh[index]?._id ?? []));
  if (changed.length === 0) return lost;
  const operations = changed.map((shopper) => {
    // The condition stands in the update: there are planners that find a document by its id only if nothing else is asked of it.
    const isBefore = { $eq: ["$revision", shopper.revision - 1] };
    const update = [{ $replaceWith: { $cond: [isBefore, { $literal: shopper }, "$$ROOT"] } }];
    return { updateOne: { filter: { _id: shopper._id }, update } };
  });
  const { modifiedCount } = await onStore(() => store.shoppers.bulkWrite(operations, { ordered: false }));
  if (modifiedCount === changed.length) return lost;
  // Somebody was first with some of them: what stands there is ours or not.
  const ids = changed.map(({ _id }) => _id);
  const standing = await onStore(() => store.shoppers.find({ _id: { $in: ids } }).toArray());
  const byId = new Map(standing.map((document) => [document._id, document]));
  for (const shopper of changed) if (!isDeepStrictEqual(byId.get(shopper._id), shopper)) lost.add(shopper._id);
  return lost;
}

/** Nothing is known of him any more, or he goes by another id. */
export async function deleteShopper(store: Store, workspaceId: string, userId: string): Promise<void> {
  await onStore(() => store.shoppers.deleteOne({ _id: profileId(workspaceId, userId) }));
}

/** Puts users into a segment without a rule, or takes them out; nothing else of them changes.
 *  @returns how many were not in it, or were. */
export async function setListed(
  store: Store,
  which: {
    readonly workspaceId: string;
    readonly userIds: readonly string[];
    readonly segmentId: string;
    readonly isIn: boolean;
  },
): Promise<number> {
  const { workspaceId, segmentId, isIn } = which;
  let open = [...new Set(which.userIds)];
  let count = 0;
  for (let attempt = 0; open.length > 0 && attempt < LISTED_CONFLICTS_MAX; attempt += 1) {
    const again: string[] = [];
    for (let first = 0; first < open.length; first += LISTED_AT_ONCE) {
      const some = open.slice(first, first + LISTED_AT_ONCE);
      const known = await findShoppers(store, workspaceId, some);
      const changed = some
        .map((userId) => known.get(userId) ?? toUnknown(workspaceId, userId))
        .filter(({ lists }) => lists.includes(segmentId) !== isIn)
        .map((shopper) => toListed(shopper, segmentId, isIn));
      const lost = await saveShoppers(store, changed);
      count += changed.length - lost.size;
      again.push(...changed.flatMap(({ _id, userId }) => (lost.has(_id) ? [userId] : [])));
    }
    open = again;
  }
  if (open.length > 0)
    throw new Unavailable("store", { cause: new Error(`${open.length} shoppers were changed by others`) });
  return count;
}

const LISTED_AT_ONCE = 500;
const LISTED_CONFLICTS_MAX = 20;

const toUnknown = (workspaceId: string, userId: string): ShopperDocument => ({
  ...{ _id: profileId(workspaceId, userId), workspaceId, userId, place: toPlace(userId), revision: 0 },
  ...{ facts: [], activity: [], foresight: [], lists: [], keys: [], memberships: [] },
});

function toListed(shopper: ShopperDocument, segmentId: string, isIn: boolean): ShopperDocument {
  const others = shopper.lists.filter((one) => one !== segmentId);
  const key = toListKey(segmentId);
  const keys = shopper.keys.filter((one) => one !== key);
  return {
    ...shopper,
    revision: shopper.revision + 1,
    lists: isIn ? [...others, segmentId] : others,
    keys: isIn ? [...keys, key] : keys,
  };
}

/** What the orders of each customer come to. */
export async function findCustomers(store: Store, workspaceId: string): Promise<Customer[]> {
  const customers: Customer[] = [];
  const found = store.shoppers.find({ workspaceId }, { projection: { facts: 1 } });
  for await (const { facts } of found) {
    const byPath = new Map(facts.map((fact) => [fact.path, fact]));
    const lastOrderMs = byPath.get("orders.last_time")?.time;
    if (lastOrderMs === undefined) continue;
    const [orders, totalMinor] = [byPath.get("orders.count")?.number, byPath.get("orders.total.minor")?.number];
    customers.push({ lastOrderMs, orders: orders ?? 0, totalMinor: totalMinor ?? 0 });
  }
  return customers;
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

type Range = { readonly workspaceId: string; readonly from: number; readonly until: number; readonly limit: number };

/** Everybody whose place is in [from, until), at most one more than `limit`. */
export function listShoppers(store: Store, { workspaceId, from, until, limit }: Range): Promise<ShopperDocument[]> {
  const filter = { workspaceId, place: toPlaceRange(from, until) };
  return onStore(() =>
    store.shoppers
      .find(filter)
      .limit(limit + 1)
      .toArray(),
  );
}

/** Whoever of these has a key. */
export async function listKeyed(
  store: Store,
  { workspaceId, key, from, until, limit }: Range & { readonly key: string },
): Promise<string[]> {
  const filter = { workspaceId, keys: key, place: toPlaceRange(from, until) };
  const found = await onStore(() =>
    store.shoppers
      .find(filter, { projection: { userId: 1 } })
      .limit(limit + 1)
      .toArray(),
  );
  return found.map(({ userId }) => userId);
}

const TIME_ZONE_PATH = "profile.time_zone";

/** The same, each with the time zone that is known of him. */
export async function listKeyedZones(
  store: Store,
  { workspaceId, key, from, until, limit }: Range & { readonly key: string },
): Promise<{ readonly userId: string; readonly timeZone: string | undefined }[]> {
  const filter = { workspaceId, keys: key, place: toPlaceRange(from, until) };
  const found = await onStore(() =>
    store.shoppers
      .find(filter, { projection: { userId: 1, facts: 1 } })
      .limit(limit + 1)
      .toArray(),
  );
  return found.map(({ userId, facts }) => ({
    userId,
    timeZone: facts.find(({ path }) => path === TIME_ZONE_PATH)?.text,
  }));
}
