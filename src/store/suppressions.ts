import { createHmac } from "node:crypto";
import type { OutsideChannelName } from "../domain/delivery/channel-names.ts";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

/** Everything, or whatever is not a service message. */
const SUPPRESSION_SCOPES = ["all", "marketing"] as const;
export type SuppressionScopeName = (typeof SUPPRESSION_SCOPES)[number];
export type SuppressionReasonName = "dead" | "bounce" | "complaint" | "unsubscribe" | "manual";

/** An address that nothing is sent to, by its hash alone. */
export type SuppressionDocument = {
  /** `{workspace}/{key}`. */
  readonly _id: string;
  readonly workspaceId: string;
  /** `{hash}/{scope}`. */
  readonly key: string;
  readonly channel: OutsideChannelName;
  readonly scope: SuppressionScopeName;
  readonly reason: SuppressionReasonName;
  readonly source: string;
  /** Since when; of what an owner has said himself, when he said it. */
  readonly createdAt: Date;
};

export const suppressionIndexes = [
  { name: "by_key", key: { workspaceId: 1, key: 1 } },
] as const satisfies readonly IndexDefinition[];

/** Where something would go. */
export type AddressOf = { readonly channel: OutsideChannelName; readonly address: string };
type Keyed = { readonly id: string; readonly idSecret: Uint8Array };

/** What an address is known by in a workspace: nobody without its secret can try addresses on it. Mailboxes tell no case apart. */
export function toAddressHash({ idSecret }: Keyed, { channel, address }: AddressOf): string {
  const folded = channel === "email" ? address.trim().toLowerCase() : address.trim();
  return createHmac("sha256", idSecret)
    .update(JSON.stringify(["suppression", channel, folded]))
    .digest("hex")
    .slice(0, 40);
}

type Said = Pick<SuppressionDocument, "workspaceId" | "channel" | "scope" | "reason" | "source" | "createdAt">;

function toDocument(hash: string, { workspaceId, channel, scope, reason, source, createdAt }: Said) {
  const key = `${hash}/${scope}`;
  return { _id: `${workspaceId}/${key}`, workspaceId, key, channel, scope, reason, source, createdAt };
}

/** What a suppressed address is known by, as of `toAddressHash`. */
export const hashOf = ({ key }: Pick<SuppressionDocument, "key">): string => key.slice(0, key.indexOf("/"));

/** Suppresses addresses.
 *  @returns how many were not before. */
export async function insertSuppressions(
  store: Store,
  workspace: Keyed,
  given: readonly (AddressOf & Pick<SuppressionDocument, "scope" | "reason" | "source">)[],
  createdAt: Date,
): Promise<number> {
  const documents = given.map((one) =>
    toDocument(toAddressHash(workspace, one), { ...one, workspaceId: workspace.id, createdAt }),
  );
  // The first to say something of an address is right, as in the store.
  const once = [...new Map(documents.toReversed().map((one) => [one._id, one])).values()];
  return once.length - (await insertNew(store.suppressions, once)).length;
}

/** Suppresses an address of which only the hash is known. Doing it again does nothing. */
export async function suppressHash(
  store: Store,
  { hash, ...said }: Omit<Said, "createdAt"> & { readonly hash: string },
  createdAt: Date,
): Promise<void> {
  await insertNew(store.suppressions, [toDocument(hash, { ...said, createdAt })]);
}

/** Takes back that an address wants no marketing, unless that was said after a time. Whatever else stands against it stays. */
export async function liftUnsubscribed(
  store: Store,
  { workspaceId, hash, until }: { readonly workspaceId: string; readonly hash: string; readonly until: Date },
): Promise<void> {
  const _id = `${workspaceId}/${hash}/marketing`;
  const found = await onStore(() => store.suppressions.findOne({ _id }));
  if (found?.reason === "unsubscribe" && found.createdAt <= until)
    await onStore(() => store.suppressions.deleteOne({ _id }));
}

/** What stands against addresses, by their hashes; those that nothing stands against are left out. */
export async function findSuppressions(
  store: Store,
  workspace: Keyed,
  addresses: readonly AddressOf[],
): Promise<Map<string, SuppressionDocument[]>> {
  if (addresses.length === 0) return new Map();
  const hashes = new Set(addresses.map((one) => toAddressHash(workspace, one)));
  const ids = [...hashes].flatMap((hash) => SUPPRESSION_SCOPES.map((scope) => `${workspace.id}/${hash}/${scope}`));
  const found = await onStore(() => store.suppressions.find({ _id: { $in: ids } }).toArray());
  return Map.groupBy(found, hashOf);
}

export async function deleteSuppression(
  store: Store,
  workspace: Keyed,
  { scope, ...address }: AddressOf & { readonly scope: SuppressionScopeName },
): Promise<void> {
  const _id = `${workspace.id}/${toAddressHash(workspace, address)}/${scope}`;
  await onStore(() => store.suppressions.deleteOne({ _id }));
}

/** A page in the order of the hashes. @param options.after a key. */
export function listSuppressions(
  store: Store,
  { workspaceId, after, limit }: { readonly workspaceId: string; readonly after: string; readonly limit: number },
): Promise<SuppressionDocument[]> {
  const filter = { workspaceId, key: { $gt: after } };
  return onStore(() => store.suppressions.find(filter).sort({ key: 1 }).limit(limit).toArray());
}
