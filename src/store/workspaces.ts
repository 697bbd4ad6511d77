import type { Binary } from "mongodb";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

/** A tenant. */
export type WorkspaceDocument = {
  readonly _id: string;
  readonly createdAt: Date;
  /** Signs users' tokens: 32 random bytes. */
  readonly tokenSecret: Binary;
  /** Keeps intervention ids unguessable, since an idempotency key can be guessed: 32 random bytes. */
  readonly idSecret: Binary;
};

/** A service's credential; only its hash is kept. */
export type ApiKeyDocument = {
  /** SHA-256 of the key, hex. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly createdAt: Date;
};

export const workspaceIndexes = [] as const satisfies readonly IndexDefinition[];
export const apiKeyIndexes = [] as const satisfies readonly IndexDefinition[];

/** Makes a workspace unless it is there. */
export async function insertWorkspace(store: Store, workspace: WorkspaceDocument): Promise<void> {
  await insertNew(store.workspaces, [workspace]);
}

/** Adds a key unless it is there. */
export async function insertApiKey(store: Store, key: ApiKeyDocument): Promise<void> {
  await insertNew(store.apiKeys, [key]);
}

const LISTED_MAX = 10_000;

export function listWorkspaces(store: Store): Promise<WorkspaceDocument[]> {
  return onStore(() => store.workspaces.find().limit(LISTED_MAX).toArray());
}

export function listApiKeys(store: Store): Promise<ApiKeyDocument[]> {
  return onStore(() => store.apiKeys.find().limit(LISTED_MAX).toArray());
}
