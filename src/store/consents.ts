import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

/** One thing a user has said, as it was recorded. Never changed and never removed. */
export type ConsentDocument = {
  /** `{workspace}/{user}/{request}`, the latter two escaped. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly userId: string;
  /** `{channel}/{purpose}`. */
  readonly subject: string;
  readonly word: "granted" | "implied" | "denied";
  readonly changedAt: Date;
  readonly recordedAt: Date;
  readonly source: string;
  readonly textVersion: string;
  readonly requestId: string;
};

export const consentIndexes = [
  { name: "by_user", key: { workspaceId: 1, userId: 1 } },
] as const satisfies readonly IndexDefinition[];

export const consentId = (options: {
  readonly workspaceId: string;
  readonly userId: string;
  readonly requestId: string;
}) => `${options.workspaceId}/${encodeURIComponent(options.userId)}/${encodeURIComponent(options.requestId)}`;

/** Records a change unless one with its id is there.
 *  @returns what stands under the id: the one given, or the one before it. */
export async function recordConsent(store: Store, consent: ConsentDocument): Promise<ConsentDocument> {
  const conflicts = await insertNew(store.consents, [consent]);
  if (conflicts.length === 0) return consent;
  return (await onStore(() => store.consents.findOne({ _id: consent._id }))) ?? consent;
}

/** Those of the changes that are there. */
export function findConsents(store: Store, ids: readonly string[]): Promise<ConsentDocument[]> {
  return ids.length === 0
    ? Promise.resolve([])
    : onStore(() => store.consents.find({ _id: { $in: [...ids] } }).toArray());
}

const LISTED_MAX = 1_000;

/** The newest 1,000 changes of one user id, newest first. */
export function listConsentChanges(store: Store, workspaceId: string, userId: string): Promise<ConsentDocument[]> {
  return onStore(() =>
    store.consents.find({ workspaceId, userId }).sort({ changedAt: -1, _id: 1 }).limit(LISTED_MAX).toArray(),
  );
}
