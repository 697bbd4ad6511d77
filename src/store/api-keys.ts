import type { ClientSession } from "mongodb";
import type { Role } from "../domain/access/permissions.ts";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

/** One of a key's secrets: only its hash is kept. */
export type KeySecret = {
  /** SHA-256 of the whole key, hex. */
  readonly hash: string;
  /** Absent: as long as the key itself. */
  readonly expiresAt?: Date;
};

/** A service's credential. It is kept when it has ended too: one that is gone could be taken for one never seen and be let in anew. */
export type ApiKeyDocument = {
  /** Its prefix; of keys made by earlier versions the hash. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly createdAt: Date;
  /** The newest first. Absent: the id is the hash. */
  readonly secrets?: readonly KeySecret[];
  readonly displayName?: string;
  /** Absent: owner, as keys were before there were roles. */
  readonly roles?: readonly Role[];
  /** May make and administer every workspace. Absent: no. */
  readonly isPlatform?: boolean;
  readonly expiresAt?: Date;
  readonly revokedAt?: Date;
  readonly lastUsedAt?: Date;
};

export const apiKeyIndexes = [
  // The keys of one workspace.
  { name: "by_workspace", key: { workspaceId: 1 } },
] as const satisfies readonly IndexDefinition[];

/** Adds a key unless it is there. */
export async function insertApiKey(store: Store, key: ApiKeyDocument): Promise<void> {
  await insertNew(store.apiKeys, [key]);
}

/** Keys of one workspace, those included that have ended. */
export const KEYS_PER_WORKSPACE_MAX = 1_000;
const KEYS_MAX = 100_000;

/** Every key of every workspace. */
export function listApiKeys(store: Store): Promise<ApiKeyDocument[]> {
  return onStore(() => store.apiKeys.find().limit(KEYS_MAX).toArray());
}

export function listApiKeysOf(store: Store, workspaceId: string, session?: ClientSession): Promise<ApiKeyDocument[]> {
  return onStore(() =>
    store.apiKeys
      .find({ workspaceId }, { ...(session && { session }) })
      .limit(KEYS_PER_WORKSPACE_MAX)
      .toArray(),
  );
}

export async function findApiKey(store: Store, id: string): Promise<ApiKeyDocument | undefined> {
  return (await onStore(() => store.apiKeys.findOne({ _id: id }))) ?? undefined;
}

/** Changes a key outside any transaction: what is not a change that somebody asked for. */
export async function setPlatformKey(store: Store, id: string): Promise<void> {
  await onStore(() => store.apiKeys.updateOne({ _id: id }, { $set: { isPlatform: true } }));
}

/** Notes that keys were used; never back in time, whoever else notes it. */
export async function noteKeysUsed(store: Store, ids: readonly string[], at: Date): Promise<void> {
  if (ids.length === 0) return;
  await onStore(() =>
    store.apiKeys.bulkWrite(
      ids.map((_id) => ({ updateOne: { filter: { _id }, update: { $max: { lastUsedAt: at } } } })),
      { ordered: false },
    ),
  );
}
