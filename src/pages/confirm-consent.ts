import { Purpose } from "../../gen/intervention/v1/profile_pb.js";
import type { ConsentKeeper } from "../api/consent-keeper.ts";
import type { ProfileKeeper } from "../api/profile-keeper.ts";
import { fromChannelName, toContactChannel } from "../domain/delivery/channel-names.ts";
import { toConfirmationId, toConsentRequestState } from "../domain/profile/consent-request.ts";
import { toAddressKey } from "../domain/profile/register-keys.ts";
import { fromRegistersText } from "../domain/profile/registers.ts";
import { toAddresses } from "../domain/profile/to-profile.ts";
import type { Workspace } from "../integrations/caller.ts";
import type { ToConfirm } from "../integrations/confirm-links.ts";
import {
  type ConsentRequestDocument,
  consentId,
  findConsentRequest,
  findConsents,
  findProfiles,
  followWish,
  profileId,
  type Store,
  toAddressHash,
} from "../store/index.ts";

/** What confirming works with. */
export type ConfirmParts = {
  readonly store: Store;
  readonly now: () => Date;
  readonly consents: Pick<ConsentKeeper, "say">;
  readonly profiles: Pick<ProfileKeeper, "apply">;
};
type Whose = ToConfirm & { readonly workspace: Workspace };

/** A consent that can be confirmed, was, or was not in time. */
export type FoundRequest = {
  readonly request: ConsentRequestDocument;
  readonly confirmedAt: Date | undefined;
  readonly state: ReturnType<typeof toConsentRequestState>;
};

/** @returns undefined where there is none, or its address is no longer the user's: what was asked there says nothing of another. */
export async function findRequest(
  { store, now }: Pick<ConfirmParts, "store" | "now">,
  { workspace, userId, requestId }: Whose,
): Promise<FoundRequest | undefined> {
  const whose = { workspaceId: workspace.id, userId };
  const [request, profiles, [confirmed]] = await Promise.all([
    findConsentRequest(store, consentId({ ...whose, requestId })),
    findProfiles(store, [whose]),
    findConsents(store, [consentId({ ...whose, requestId: toConfirmationId(requestId) })]),
  ]);
  const profile = profiles.get(profileId(workspace.id, userId));
  if (request === undefined || profile === undefined) return undefined;
  const contact = toContactChannel(fromChannelName(request.channel));
  const isTheirs = toAddresses(fromRegistersText(profile.registers)).some(
    ({ channel, address }) => channel === contact && address === request.address,
  );
  if (!isTheirs) return undefined;
  const confirmedAt = confirmed?.changedAt;
  return { request, confirmedAt, state: toConsentRequestState({ ...request, confirmedAt }, now()) };
}

/** Lets a request that is pending count as a yes: recorded with its time, its text and how it was given; the address is verified by it,
 *  and gets marketing again if it had unsubscribed. Doing it again does nothing, and says nothing newer than the first time.
 *  @returns what stands then. */
export async function confirmRequest(parts: ConfirmParts, whose: Whose): Promise<FoundRequest | undefined> {
  const { store, now, consents, profiles } = parts;
  const found = await findRequest(parts, whose);
  if (found === undefined || found.state === "expired") return found;
  const { workspace, userId, requestId } = whose;
  const { channel, address, source, textVersion } = found.request;
  const at = found.confirmedAt ?? now();
  const contact = toContactChannel(fromChannelName(channel));
  const hash = toAddressHash(workspace, { channel, address });
  await followWish(store, { workspaceId: workspace.id, channel, hash, wish: "start", at, source: "confirmation" });
  const verified = new Map([[toAddressKey(contact, address), { value: true, at: at.getTime(), id: requestId }]]);
  const [result] = await profiles.apply(workspace.id, [{ userId, changes: verified }]);
  if (result?.kind !== "kept") throw result?.error;
  // Last, since it is what says that all of it is done.
  await consents.say(workspace.id, {
    ...{ userId, channel: contact, purpose: Purpose.MARKETING, word: "granted", changedAt: at, isTimeOwn: true },
    ...{ source: `${source}, confirmed by ${channel}`, textVersion, requestId: toConfirmationId(requestId) },
  });
  return { ...found, state: "confirmed", confirmedAt: at };
}
