import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { onStore } from "./on-store.ts";

/** A user's way through one campaign. */
export type EntryDocument = {
  /** `{workspace}/{campaign}/{user}`. */
  readonly _id: string;
  /** What made him enter last, and when. */
  readonly enteredBy?: string;
  readonly enteredAt?: Date;
  /** Triggers up to here have been settled by a burst that has fired. */
  readonly settledUntil?: Date;
};

export const entryIndexes = [] as const satisfies readonly IndexDefinition[];

type Whose = { readonly workspaceId: string; readonly campaignId: string; readonly userId: string };

/** Campaigns' ids have no slash, so that no two users meet. */
export const entryId = ({ workspaceId, campaignId, userId }: Whose) => `${workspaceId}/${campaignId}/${userId}`;

/** Lets a user enter a campaign unless another trigger did so after `since`. The same trigger may enter again: it was interrupted.
 *  @returns whether `by` is the trigger that entered last. */
export async function claimEntry(
  store: Store,
  whose: Whose,
  claim: { readonly by: string; readonly at: Date; readonly since: Date },
): Promise<boolean> {
  const by = { $literal: claim.by };
  const isFree = { $lte: [{ $ifNull: ["$enteredAt", claim.since] }, claim.since] };
  const update = [
    {
      $set: {
        enteredBy: { $cond: [isFree, by, "$enteredBy"] },
        enteredAt: { $cond: [isFree, claim.at, "$enteredAt"] },
      },
    },
  ];
  const entry = await onStore(() =>
    store.entries.findOneAndUpdate({ _id: entryId(whose) }, update, { upsert: true, returnDocument: "after" }),
  );
  return entry?.enteredBy === claim.by;
}

/** Says that a burst has fired: triggers up to this time are settled. */
export async function settleEntry(store: Store, whose: Whose, until: Date): Promise<void> {
  await onStore(() =>
    store.entries.updateOne({ _id: entryId(whose) }, { $max: { settledUntil: until } }, { upsert: true }),
  );
}

/** Until when the triggers of these entries are settled, by the entries' ids. */
export async function findSettled(store: Store, ids: readonly string[]): Promise<Map<string, Date>> {
  const found = await onStore(() => store.entries.find({ _id: { $in: [...ids] } }).toArray());
  return new Map(found.flatMap(({ _id, settledUntil }) => (settledUntil === undefined ? [] : [[_id, settledUntil]])));
}
