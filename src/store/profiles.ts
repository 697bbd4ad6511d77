import type { ClientSession } from "mongodb";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

/** A user as the engine knows him, under one id. */
export type ProfileDocument = {
  /** `{workspace}/{user}`, the latter escaped. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly userId: string;
  /** One more with each change: a change made from an older one is made again. */
  readonly revision: number;
  /** `toRegistersText`: all that is known. The fields below follow from it. */
  readonly registers: string;
  readonly timeZone: string;
  readonly locale: string;
  /** `HH:MM-HH:MM`; absent where the user has none. */
  readonly quietHours?: string;
  /** `{channel}/{purpose}` of each standing no, with its time. */
  readonly denied: readonly { readonly name: string; readonly at: Date }[];
  /** Likewise of each standing yes to email, SMS and push; absent in documents from before these were delivered on. */
  readonly granted?: readonly { readonly name: string; readonly at: Date }[];
  /** Where email, SMS and push go, at most one a channel, a ContactChannel; absent likewise. */
  readonly addresses?: readonly {
    readonly channel: number;
    readonly address: string;
    readonly verified: boolean;
    readonly primary: boolean;
  }[];
  /** What it is found by. */
  readonly searchKeys: readonly string[];
  /** Every id that was merged into this one, also through others. */
  readonly aliases: readonly string[];
  /** The user id; absent when this id was merged into another, so that lists have each user once. */
  readonly listedAs?: string;
  /** The user id that this one was merged into: nothing else here counts any more, but it is kept as it was. */
  readonly mergedInto?: string;
  readonly updatedAt: Date;
};

export const profileIndexes = [
  { name: "listed", key: { workspaceId: 1, listedAs: 1 } },
  { name: "by_search_key", key: { workspaceId: 1, searchKeys: 1, listedAs: 1 } },
] as const satisfies readonly IndexDefinition[];

export const profileId = (workspaceId: string, userId: string) => `${workspaceId}/${encodeURIComponent(userId)}`;

type Key = { readonly workspaceId: string; readonly userId: string };

/** What deciding needs of a profile: small, so that a batch of them is. */
export type ProfileOutline = Pick<
  ProfileDocument,
  | "_id"
  | "workspaceId"
  | "userId"
  | "timeZone"
  | "locale"
  | "quietHours"
  | "denied"
  | "granted"
  | "addresses"
  | "aliases"
  | "mergedInto"
>;
const OUTLINE = {
  ...{ granted: 1, addresses: 1, quietHours: 1 },
  ...{ _id: 1, workspaceId: 1, userId: 1, timeZone: 1, locale: 1, denied: 1, aliases: 1, mergedInto: 1 },
} as const;

/** A merge joins two users who are not merged yet, so that a chain is as long as the merges one after another: far fewer. */
const CHAIN_MAX = 64;

/** The profiles that these ids stand for, merges followed, by the id asked for. Unknown ones are left out. */
export function findProfileOutlines(store: Store, keys: readonly Key[]): Promise<Map<string, ProfileOutline>> {
  return followMerges(keys, (ids) =>
    onStore(() => store.profiles.find<ProfileOutline>({ _id: { $in: [...ids] } }, { projection: OUTLINE }).toArray()),
  );
}

/** The whole profiles that these ids stand for, merges followed, by the id asked for. Unknown ones are left out. */
export function findProfiles(store: Store, keys: readonly Key[]): Promise<Map<string, ProfileDocument>> {
  return followMerges(keys, (ids) => onStore(() => store.profiles.find({ _id: { $in: [...ids] } }).toArray()));
}

async function followMerges<T extends Pick<ProfileDocument, "_id" | "workspaceId" | "mergedInto">>(
  keys: readonly Key[],
  read: (ids: readonly string[]) => Promise<T[]>,
): Promise<Map<string, T>> {
  const found = new Map<string, T>();
  let open = new Map(keys.map(({ workspaceId, userId }) => profileId(workspaceId, userId)).map((id) => [id, [id]]));
  for (let step = 0; open.size > 0 && step < CHAIN_MAX; step += 1) {
    const next = new Map<string, string[]>();
    for (const document of await read([...open.keys()])) {
      const asked = open.get(document._id) ?? [];
      if (document.mergedInto === undefined) for (const id of asked) found.set(id, document);
      else {
        const into = profileId(document.workspaceId, document.mergedInto);
        next.set(into, [...(next.get(into) ?? []), ...asked]);
      }
    }
    open = next;
  }
  return found;
}

/** Inserts those that are new.
 *  @returns the indices of those that were there. */
export async function insertProfiles(store: Store, profiles: readonly ProfileDocument[]): Promise<Set<number>> {
  return new Set((await insertNew(store.profiles, profiles)).map(({ index }) => index));
}

/** Puts a profile in the place of the revision before it.
 *  @returns false when another change came first. */
export async function replaceProfile(
  store: Store,
  profile: ProfileDocument,
  session?: ClientSession,
): Promise<boolean> {
  // The condition stands in the update, not in the filter: there are planners that find a document by its id only if nothing
  // else is asked of it.
  const isBefore = { $eq: ["$revision", profile.revision - 1] };
  const replace = async () =>
    store.profiles.updateOne(
      { _id: profile._id },
      [{ $replaceWith: { $cond: [isBefore, { $literal: profile }, "$$ROOT"] } }],
      session === undefined ? {} : { session },
    );
  const { modifiedCount } = session === undefined ? await onStore(replace) : await replace();
  return modifiedCount === 1;
}

/** A page in order of user id.
 *  @param options.by a prefix of the user id, or a search key. @param options.after a user id; the page begins after it. */
export function listProfiles(
  store: Store,
  options: {
    readonly workspaceId: string;
    readonly by: { readonly prefix: string } | { readonly searchKey: string };
    readonly after?: string;
    readonly limit: number;
  },
): Promise<ProfileDocument[]> {
  const { workspaceId, by, after } = options;
  const isPrefix = "prefix" in by;
  const filter = {
    workspaceId,
    ...(isPrefix ? {} : { searchKeys: by.searchKey }),
    listedAs: {
      ...(after === undefined ? { $gte: isPrefix ? by.prefix : "" } : { $gt: after }),
      ...(isPrefix && by.prefix !== "" ? { $lt: `${by.prefix}\u{10ffff}` } : {}),
    },
  };
  return onStore(() => store.profiles.find(filter).sort({ listedAs: 1 }).limit(options.limit).toArray());
}

/** Every user who has a profile, in no order; ids that were merged into others too. */
export async function* streamProfileUsers(store: Store, workspaceId: string): AsyncGenerator<string> {
  for await (const { userId } of store.profiles.find({ workspaceId }, { projection: { userId: 1 } })) yield userId;
}
