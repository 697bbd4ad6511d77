import type { Binary } from "mongodb";
import type { OutsideChannelName } from "../domain/delivery/channel-names.ts";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

/** A workspace's account with a provider. */
export type ProviderAccountDocument = {
  readonly _id: string;
  readonly workspaceId: string;
  readonly channel: OutsideChannelName;
  /** The provider's name, such as `ses`. */
  readonly provider: string;
  readonly displayName: string;
  /** Sealed; only the process that sends opens it. Absent once it is deleted. */
  readonly credential?: { readonly keyId: string; readonly sealed: Binary };
  readonly from: string;
  readonly replyTo: string;
  readonly webhookUrl: string;
  /** Of SES: by which SNS topics it may report. Absent: by none. */
  readonly snsTopics?: readonly string[];
  /** Messages a second, all processes together; 0: the provider's own. */
  readonly ratePerS: number;
  /** The account with the lowest is asked first, then the next. */
  readonly order: number;
  /** Everything goes there instead; empty: nothing does. */
  readonly sandboxTo: string;
  /** What a message costs, of SMS a segment, in millionths of a unit of the currency; absent: nothing. */
  readonly cost?: { readonly currency: string; readonly micros: number } | undefined;
  readonly state: "active" | "paused" | "deleted";
  /** Why it is paused. */
  readonly reason: string;
  /** One more with each change of what is needed to send. */
  readonly revision: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
};

export const providerAccountIndexes = [
  { name: "by_workspace", key: { workspaceId: 1 } },
  { name: "changed", key: { updatedAt: 1 } },
] as const satisfies readonly IndexDefinition[];

export const ACCOUNTS_MAX = 50;

/** Those of a workspace, in the order they are asked. */
export async function listProviderAccounts(store: Store, workspaceId: string): Promise<ProviderAccountDocument[]> {
  const found = await onStore(() => store.providerAccounts.find({ workspaceId }).toArray());
  return found.filter(({ state }) => state !== "deleted").sort(byOrder);
}

export const byOrder = (a: ProviderAccountDocument, b: ProviderAccountDocument) =>
  a.order - b.order || a.createdAt.getTime() - b.createdAt.getTime() || (a._id < b._id ? -1 : 1);

/** Every account changed since, the deleted ones too. */
export function listProviderAccountsChanged(store: Store, since: Date): Promise<ProviderAccountDocument[]> {
  return onStore(() => store.providerAccounts.find({ updatedAt: { $gte: since } }).toArray());
}

export async function findProviderAccount(
  store: Store,
  workspaceId: string,
  id: string,
): Promise<ProviderAccountDocument | undefined> {
  const found = await onStore(() => store.providerAccounts.findOne({ _id: id }));
  return found?.workspaceId === workspaceId && found.state !== "deleted" ? found : undefined;
}

/** @returns whether it was new. */
export async function insertProviderAccount(store: Store, document: ProviderAccountDocument): Promise<boolean> {
  return (await insertNew(store.providerAccounts, [document])).length === 0;
}

/** Puts an account in the place of the revision before it.
 *  @returns false when another change came first. */
export async function replaceProviderAccount(store: Store, document: ProviderAccountDocument): Promise<boolean> {
  // The condition stands in the update, as with profiles.
  const isBefore = { $eq: ["$revision", document.revision - 1] };
  const { modifiedCount } = await onStore(() =>
    store.providerAccounts.updateOne({ _id: document._id }, [
      { $replaceWith: { $cond: [isBefore, { $literal: document }, "$$ROOT"] } },
    ]),
  );
  return modifiedCount === 1;
}
