import { findProfileOutlines, profileId, type Store } from "../store/index.ts";

/** One person in a workspace, by every id that he goes by. */
export type Identity = { readonly workspaceId: string; readonly userIds: readonly string[] };

/** Everybody whom merges have made one with a user: what is asked about one of them is asked about all. The id asked for comes first. */
export async function findIdentity(store: Store, workspaceId: string, userId: string): Promise<Identity> {
  const found = await findProfileOutlines(store, [{ workspaceId, userId }]);
  const profile = found.get(profileId(workspaceId, userId));
  return { workspaceId, userIds: [...new Set([userId, ...(profile ? [profile.userId, ...profile.aliases] : [])])] };
}
