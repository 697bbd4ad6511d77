import type { ChannelName } from "../domain/delivery/channel-names.ts";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { onStore } from "./on-store.ts";

/** What became of the messages of one day whose channel was drawn, added up: reckoned anew from decisions and events, never counted up. */
export type ChoiceBucketDocument = {
  /** `{workspace}/{day}/{segment}/{channel}`. */
  readonly _id: string;
  readonly workspaceId: string;
  /** Its beginning, UTC. */
  readonly day: Date;
  readonly segment: string;
  readonly channel: ChannelName;
  /** How many messages were sent. */
  readonly rounds: number;
  /** The sum of their rewards, each 0 to 1. */
  readonly reward: number;
  readonly updatedAt: Date;
};

export const choiceBucketIndexes = [
  { name: "changed", key: { updatedAt: 1 } },
] as const satisfies readonly IndexDefinition[];

export const choiceBucketId = (bucket: Pick<ChoiceBucketDocument, "workspaceId" | "day" | "segment" | "channel">) =>
  `${bucket.workspaceId}/${bucket.day.toISOString().slice(0, 10)}/${bucket.segment}/${bucket.channel}`;

/** Puts buckets in the place of those before. Two that reckon the same day put the same there. */
export async function replaceChoiceBuckets(store: Store, buckets: readonly ChoiceBucketDocument[]): Promise<void> {
  if (buckets.length === 0) return;
  await onStore(() =>
    store.choiceBuckets.bulkWrite(
      buckets.map((replacement) => ({
        replaceOne: { filter: { _id: replacement._id }, replacement, upsert: true },
      })),
      { ordered: false },
    ),
  );
}

/** Every bucket that has changed since. */
export function listChoiceBucketsChanged(store: Store, since: Date): Promise<ChoiceBucketDocument[]> {
  return onStore(() => store.choiceBuckets.find({ updatedAt: { $gte: since } }).toArray());
}
