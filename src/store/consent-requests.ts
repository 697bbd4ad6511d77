import type { OutsideChannelName } from "../domain/delivery/channel-names.ts";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

/** A yes to marketing that somebody at an address is asked to confirm. Never changed: whether he has is in `consents`. */
export type ConsentRequestDocument = {
  /** `consentId`. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly userId: string;
  readonly requestId: string;
  readonly channel: Exclude<OutsideChannelName, "webhook">;
  readonly address: string;
  readonly source: string;
  readonly textVersion: string;
  /** Empty: not known. */
  readonly locale: string;
  readonly requestedAt: Date;
  readonly expiresAt: Date;
};

export const consentRequestIndexes = [
  { name: "by_user", key: { workspaceId: 1, userId: 1 } },
] as const satisfies readonly IndexDefinition[];

const LISTED_MAX = 100;

/** Keeps a request unless one with its id is there.
 *  @returns what stands under the id: the one given, or the one before it. */
export async function insertConsentRequest(
  store: Store,
  document: ConsentRequestDocument,
): Promise<ConsentRequestDocument> {
  if ((await insertNew(store.consentRequests, [document])).length === 0) return document;
  return (await findConsentRequest(store, document._id)) ?? document;
}

export async function findConsentRequest(store: Store, _id: string): Promise<ConsentRequestDocument | undefined> {
  return (await onStore(() => store.consentRequests.findOne({ _id }))) ?? undefined;
}

/** The newest 100 of one user id, newest first. */
export function listConsentRequests(
  store: Store,
  workspaceId: string,
  userId: string,
): Promise<ConsentRequestDocument[]> {
  return onStore(() =>
    store.consentRequests.find({ workspaceId, userId }).sort({ requestedAt: -1, _id: 1 }).limit(LISTED_MAX).toArray(),
  );
}
