import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { onStore } from "./on-store.ts";

/** How far a walk through time has come, and who is walking. */
export type CheckpointDocument = {
  readonly _id: string;
  readonly at?: Date;
  readonly holder?: string;
  readonly heldUntil?: Date;
};

export const checkpointIndexes = [] as const satisfies readonly IndexDefinition[];

/** Where the walk left off. */
export async function findCheckpoint(store: Store, name: string): Promise<Date | undefined> {
  return (await onStore(() => store.checkpoints.findOne({ _id: name })))?.at;
}

/** Moves it on; never back, whoever else walks. */
export async function advanceCheckpoint(store: Store, name: string, at: Date): Promise<void> {
  await onStore(() => store.checkpoints.updateOne({ _id: name }, { $max: { at } }, { upsert: true }));
}

/** Takes or keeps the right to walk. It runs out by itself when its holder dies.
 *  @returns whether `holder` has it until `until`. */
export async function claimLease(
  store: Store,
  name: string,
  claim: { readonly holder: string; readonly now: Date; readonly until: Date },
): Promise<boolean> {
  const isFree = {
    $or: [{ $eq: ["$holder", claim.holder] }, { $lte: [{ $ifNull: ["$heldUntil", claim.now] }, claim.now] }],
  };
  const update = [
    {
      $set: {
        heldUntil: { $cond: [isFree, claim.until, "$heldUntil"] },
        holder: { $cond: [isFree, claim.holder, "$holder"] },
      },
    },
  ];
  const held = await onStore(() =>
    store.checkpoints.findOneAndUpdate({ _id: name }, update, { upsert: true, returnDocument: "after" }),
  );
  return held?.holder === claim.holder;
}
