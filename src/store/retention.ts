import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { onStore } from "./on-store.ts";

/** How long a workspace keeps a kind of data, where it says so. */
export type RetentionDocument = {
  /** `{workspace}/{kind}`. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly kind: string;
  /** 0: for ever. */
  readonly days: number;
};

export const retentionIndexes = [
  { name: "by_workspace", key: { workspaceId: 1 } },
] as const satisfies readonly IndexDefinition[];

/** What a workspace has set, in days by kind. */
export async function listRetention(store: Store, workspaceId: string): Promise<Map<string, number>> {
  const found = await onStore(() => store.retention.find({ workspaceId }).toArray());
  return new Map(found.map(({ kind, days }) => [kind, days]));
}

export async function setRetention(
  store: Store,
  { workspaceId, kind, days }: Omit<RetentionDocument, "_id">,
): Promise<void> {
  const _id = `${workspaceId}/${kind}`;
  await onStore(() => store.retention.updateOne({ _id }, { $set: { workspaceId, kind, days } }, { upsert: true }));
}
