import type { Binary } from "mongodb";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { onStore } from "./on-store.ts";

/** How much was erased from where. */
export type ErasedCount = { readonly part: "collection" | "stream"; readonly name: string; readonly erased: number };

/** One user's erasure. It stays as a tombstone, by which what comes late is known; it then no longer says who it was. */
export type ErasureDocument = {
  /** Keyed hash of the workspace and the user's id. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly state: "open" | "done";
  /** Only while it is open. */
  readonly userId?: string;
  /** What is older is to be gone. */
  readonly erasedAt: Date;
  /** `{part}/{name}` → how many so far, over all runs. */
  readonly counts: Readonly<Record<string, number>>;
  /** How many that were when the certificate was made. */
  readonly certified?: number;
  readonly certificate?: { readonly statement: Binary; readonly signature: Binary; readonly completedAt: Date };
};

export const erasureIndexes = [
  { name: "by_state", key: { workspaceId: 1, state: 1 } },
  { name: "by_time", key: { erasedAt: 1 } },
] as const satisfies readonly IndexDefinition[];

const OPEN_MAX = 1_000;
const LISTED_MAX = 1_000_000;

export async function findErasure(store: Store, workspaceId: string, id: string): Promise<ErasureDocument | undefined> {
  const found = await onStore(() => store.erasures.findOne({ _id: id }));
  return found?.workspaceId === workspaceId ? found : undefined;
}

/** Begins an erasure, or begins it again. One that is open stays as it is. */
export async function requestErasure(
  store: Store,
  request: { readonly id: string; readonly workspaceId: string; readonly userId: string; readonly now: Date },
): Promise<ErasureDocument | undefined> {
  const isOpen = { $eq: ["$state", "open"] };
  const update = [
    {
      $set: {
        workspaceId: request.workspaceId,
        erasedAt: { $cond: [isOpen, "$erasedAt", request.now] },
        userId: { $literal: request.userId },
        counts: { $ifNull: ["$counts", {}] },
        state: "open",
      },
    },
  ];
  const found = await onStore(() =>
    store.erasures.findOneAndUpdate({ _id: request.id }, update, { upsert: true, returnDocument: "after" }),
  );
  return found ?? undefined;
}

/** Those that have something to do, in no order. */
export function listOpenErasures(store: Store, workspaceId: string): Promise<ErasureDocument[]> {
  return onStore(() => store.erasures.find({ workspaceId, state: "open" }).limit(OPEN_MAX).toArray());
}

/** Adds to what was erased. */
export async function addErased(store: Store, id: string, counts: readonly ErasedCount[]): Promise<void> {
  const added = counts
    .filter(({ erased }) => erased > 0)
    .map(({ part, name, erased }) => [`counts.${part}/${name}`, erased]);
  if (added.length === 0) return;
  await onStore(() => store.erasures.updateOne({ _id: id }, { $inc: Object.fromEntries(added) }));
}

/** Says that nothing is left, and forgets who it was. */
export async function finishErasure(
  store: Store,
  id: string,
  certified: Pick<ErasureDocument, "certificate" | "certified">,
): Promise<void> {
  await onStore(() =>
    store.erasures.updateOne({ _id: id }, { $set: { state: "done", ...certified }, $unset: { userId: "" } }),
  );
}

/** Who was erased since, as hashes. */
export function listErasedSince(store: Store, since: Date): Promise<Pick<ErasureDocument, "_id" | "erasedAt">[]> {
  return onStore(() =>
    store.erasures
      .find({ erasedAt: { $gte: since } }, { projection: { erasedAt: 1 } })
      .limit(LISTED_MAX)
      .toArray(),
  );
}
