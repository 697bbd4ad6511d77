import type { Binary, ClientSession } from "mongodb";
import type { Role } from "../domain/access/permissions.ts";
import type { AlarmThresholds } from "../domain/analytics/find-alarms.ts";
import type { OutsideChannelName } from "../domain/delivery/channel-names.ts";
import type { RateLimit } from "../domain/limit/token-bucket.ts";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

/** Whose tokens a workspace trusts. */
export type IdentityProvider = {
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUrl: string;
  readonly algorithms: readonly string[];
  readonly clockSkewS: number;
  /** Must have the workspace's id; absent: nothing is asked. */
  readonly workspaceClaim?: string;
  readonly serviceRoles: readonly Role[];
};

/** What a workspace may ask for and spend, where it differs from the engine's settings. */
export type WorkspaceLimits = {
  /** Of each key and each user. */
  readonly key?: RateLimit;
  readonly workspace?: RateLimit;
  /** Messages a day. A channel that is not here has no quota. */
  readonly quotas?: Readonly<Partial<Record<OutsideChannelName, number>>>;
};

/** A tenant. */
export type WorkspaceDocument = {
  readonly _id: string;
  readonly createdAt: Date;
  /** Signs users' tokens: 32 random bytes. */
  readonly tokenSecret: Binary;
  /** Keeps intervention ids unguessable, since an idempotency key can be guessed: 32 random bytes. */
  readonly idSecret: Binary;
  readonly displayName?: string;
  readonly defaultTimeZone?: string;
  readonly identityProvider?: IdentityProvider;
  readonly limits?: WorkspaceLimits;
  /** Absent: the usual ones. */
  readonly alarms?: AlarmThresholds;
  /** Absent: links are tracked where the settings say so. */
  readonly linkTrackingOff?: boolean;
  /** Counts changes of the workspace itself. Absent: 0. */
  readonly revision?: number;
  /** Counts changes of its keys, so that two of them at once meet here. Absent: 0. */
  readonly keysRevision?: number;
};

export const workspaceIndexes = [] as const satisfies readonly IndexDefinition[];

/** Makes a workspace unless it is there.
 *  @returns whether it was new. */
export async function insertWorkspace(store: Store, workspace: WorkspaceDocument): Promise<boolean> {
  return (await insertNew(store.workspaces, [workspace])).length === 0;
}

/** More than this is not meant to be run by one engine. */
export const WORKSPACES_MAX = 1_000;

export function listWorkspaces(store: Store, session?: ClientSession): Promise<WorkspaceDocument[]> {
  return onStore(() =>
    store.workspaces
      .find({}, { ...(session && { session }) })
      .limit(WORKSPACES_MAX)
      .toArray(),
  );
}

export async function findWorkspace(
  store: Store,
  id: string,
  session?: ClientSession,
): Promise<WorkspaceDocument | undefined> {
  return (await onStore(() => store.workspaces.findOne({ _id: id }, { ...(session && { session }) }))) ?? undefined;
}

export type WorkspaceChange = {
  readonly displayName?: string;
  readonly defaultTimeZone?: string;
  /** Null takes it away. */
  readonly identityProvider?: IdentityProvider | null;
  readonly limits?: WorkspaceLimits;
  readonly alarms?: AlarmThresholds;
  readonly linkTrackingOff?: boolean;
};

/** Changes a workspace, as part of a transaction.
 *  @returns it as it then is. */
export async function changeWorkspace(
  store: Store,
  id: string,
  change: WorkspaceChange,
  session: ClientSession,
): Promise<WorkspaceDocument | undefined> {
  const { identityProvider, ...rest } = change;
  const update = {
    $set: { ...rest, ...(identityProvider ? { identityProvider } : {}) },
    ...(identityProvider === null ? { $unset: { identityProvider: true as const } } : {}),
    $inc: { revision: 1 },
  };
  await store.workspaces.updateOne({ _id: id }, update, { session });
  return findWorkspace(store, id, session);
}

/** Has two changes of one workspace's keys meet: the second of two transactions is run again after the first.
 *  @returns whether there is such a workspace. */
export async function touchKeys(store: Store, id: string, session: ClientSession): Promise<boolean> {
  const { matchedCount } = await store.workspaces.updateOne({ _id: id }, { $inc: { keysRevision: 1 } }, { session });
  return matchedCount === 1;
}
