import { type IndexDefinition, onStore, type Store } from "./connect-store.ts";

/** How far a walk through time has come. */
export type CheckpointDocument = { readonly _id: string; readonly at: Date };

export const checkpointIndexes = [] as const satisfies readonly IndexDefinition[];

/** Where the walk left off. */
export async function findCheckpoint(store: Store, name: string): Promise<Date | undefined> {
  return (await onStore(() => store.checkpoints.findOne({ _id: name })))?.at;
}

/** Moves it on; never back, whoever else walks. */
export async function advanceCheckpoint(store: Store, name: string, at: Date): Promise<void> {
  await onStore(() => store.checkpoints.updateOne({ _id: name }, { $max: { at } }, { upsert: true }));
}
