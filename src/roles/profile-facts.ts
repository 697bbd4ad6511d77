import type { ProfileFacts } from "../domain/condition/field.ts";
import { fromRegistersText } from "../domain/profile/registers.ts";
import { toAttributes } from "../domain/profile/to-profile.ts";
import { findProfiles, profileId, type Store } from "../store/index.ts";

/** What conditions may ask of a user's profile, merges followed; undefined where nothing is known of him. */
export async function findProfileFacts(
  store: Store,
  workspaceId: string,
  userId: string,
): Promise<ProfileFacts | undefined> {
  const profile = (await findProfiles(store, [{ workspaceId, userId }])).get(profileId(workspaceId, userId));
  if (profile === undefined) return undefined;
  const { timeZone, locale, registers } = profile;
  return {
    userId: profile.userId,
    attributes: toAttributes(fromRegistersText(registers)),
    ...(timeZone === "" ? {} : { timeZone }),
    ...(locale === "" ? {} : { locale }),
  };
}
