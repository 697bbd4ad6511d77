import { MongoError, MongoServerError } from "mongodb";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { onStore } from "./on-store.ts";
import { type ProfileDocument, replaceProfile } from "./profiles.ts";
import { readAll } from "./read-all.ts";

/** One merge, as it was recorded. Never changed and never removed. */
export type ProfileMergeDocument = {
  /** `profileId` of the id that became another name: that happens once. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly from: string;
  readonly into: string;
  readonly mergedAt: Date;
  /** Keys of the values that came from `from`. */
  readonly taken: readonly string[];
  /** Keys of its values that were older than those there. */
  readonly outdated: readonly string[];
};

export const profileMergeIndexes = [
  { name: "by_survivor", key: { workspaceId: 1, into: 1 } },
] as const satisfies readonly IndexDefinition[];

/** Puts both profiles in the place of the revisions before them and records the merge: all of it, or nothing. Of merges that
 *  meet, each reads and writes the profiles it joins, so that they pass one after another, and none can close a circle.
 *  @returns false when another change came first. */
export function mergeProfiles(
  store: Store,
  merge: { readonly from: ProfileDocument; readonly into: ProfileDocument; readonly record: ProfileMergeDocument },
): Promise<boolean> {
  return onStore(() =>
    store.db.client.withSession(async (session) => {
      session.startTransaction();
      try {
        const isDone =
          (await replaceProfile(store, merge.from, session)) && (await replaceProfile(store, merge.into, session));
        if (isDone) {
          await store.profileMerges.insertOne(merge.record, { session });
          await session.commitTransaction();
        } else await session.abortTransaction();
        return isDone;
      } catch (error) {
        if (session.inTransaction()) await session.abortTransaction();
        if (isConflict(error)) return false;
        throw error;
      }
    }),
  );
}

const WRITE_CONFLICT = 112;

const isConflict = (error: unknown) =>
  error instanceof MongoError &&
  (error.hasErrorLabel("TransientTransactionError") ||
    (error instanceof MongoServerError && error.code === WRITE_CONFLICT));

const LISTED_MAX = 1_000;

/** The merges into one id, newest first. */
export function listProfileMerges(store: Store, workspaceId: string, into: string): Promise<ProfileMergeDocument[]> {
  return onStore(() =>
    store.profileMerges.find({ workspaceId, into }).sort({ mergedAt: -1 }).limit(LISTED_MAX).toArray(),
  );
}

/** Every merge of a workspace, in no order. */
export async function* streamProfileMerges(
  store: Store,
  workspaceId: string,
): AsyncGenerator<Pick<ProfileMergeDocument, "from" | "into">> {
  const cursor = store.profileMerges.find({ workspaceId }, { projection: { from: 1, into: 1 } });
  yield* readAll(cursor);
}
