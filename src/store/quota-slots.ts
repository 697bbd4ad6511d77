import type { OutsideChannelName } from "../domain/delivery/channel-names.ts";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

/** Whose quota, on which channel and day. */
export type QuotaScope = {
  readonly workspaceId: string;
  readonly channel: OutsideChannelName;
  /** In the workspace's time zone, such as `2026-11-25`. */
  readonly day: string;
};

/** One message of a day's quota: slots are numbered, each is taken once, and there are as many as the quota has. */
export type QuotaSlotDocument = QuotaScope & {
  /** `{workspace}/{channel}/{day}/{slot}`, from 1. */
  readonly _id: string;
  readonly slot: number;
  /** The delivery that has it; it has no other. */
  readonly claim: string;
  readonly claimedAt: Date;
};

const CLAIM_INDEX = "claim";
export const quotaSlotIndexes = [
  { name: CLAIM_INDEX, key: { workspaceId: 1, claim: 1 }, unique: true },
  { name: "of_day", key: { workspaceId: 1, channel: 1, day: 1 } },
  { name: "retention", key: { claimedAt: 1 }, expireAfterSeconds: 90 * 86_400 },
] as const satisfies readonly IndexDefinition[];

const slotId = ({ workspaceId, channel, day }: QuotaScope, slot: number) => `${workspaceId}/${channel}/${day}/${slot}`;

/** Why a slot could not be taken: somebody else has it, or the claim has one already, of this day or one before. */
export type SlotConflict = { readonly index: number; readonly why: "taken" | "claimed" };

/** Takes a slot for each claim, in order.
 *  @throws Unavailable when some may be taken and some not. */
export async function insertQuotaSlots(
  store: Store,
  scope: QuotaScope,
  taken: readonly { readonly slot: number; readonly claim: string }[],
  claimedAt: Date,
): Promise<SlotConflict[]> {
  const documents = taken.map(({ slot, claim }) => ({ _id: slotId(scope, slot), ...scope, slot, claim, claimedAt }));
  const conflicts = await insertNew(store.quotaSlots, documents);
  return conflicts.map(({ index, indexName }) => ({ index, why: indexName === CLAIM_INDEX ? "claimed" : "taken" }));
}

export function countQuotaSlots(store: Store, { workspaceId, channel, day }: QuotaScope): Promise<number> {
  return onStore(() => store.quotaSlots.countDocuments({ workspaceId, channel, day }));
}

/** @returns the scope and number of a claim's slot. */
export async function findQuotaSlot(
  store: Store,
  workspaceId: string,
  claim: string,
): Promise<QuotaSlotDocument | undefined> {
  return (await onStore(() => store.quotaSlots.findOne({ workspaceId, claim }))) ?? undefined;
}

/** Gives a claim's slot back. Doing it again does nothing. */
export async function deleteQuotaSlot(store: Store, workspaceId: string, claim: string): Promise<void> {
  await onStore(() => store.quotaSlots.deleteOne({ workspaceId, claim }));
}
