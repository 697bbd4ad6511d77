import { NotFound } from "../domain/errors.ts";
import { findProfiles, type ProfileDocument, profileId, type Store } from "../store/index.ts";

/** What is known of a user, by any of his ids.
 *  @throws NotFound */
export async function getProfile(store: Store, workspaceId: string, userId: string): Promise<ProfileDocument> {
  const found = (await findProfiles(store, [{ workspaceId, userId }])).get(profileId(workspaceId, userId));
  if (found === undefined) throw new NotFound("profile", userId);
  return found;
}

/** Every id that a user goes by, the surviving one first; the one asked for where nothing is known of him. */
export async function findUserIds(store: Store, workspaceId: string, userId: string): Promise<readonly string[]> {
  const profile = (await findProfiles(store, [{ workspaceId, userId }])).get(profileId(workspaceId, userId));
  return profile === undefined ? [userId] : [profile.userId, ...profile.aliases];
}
