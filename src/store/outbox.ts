import type { OutsideChannelName } from "../domain/delivery/channel-names.ts";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { toPosition } from "./interventions.ts";
import { onStore } from "./on-store.ts";

/** A message that would have gone out, kept to be looked at: the provider `outbox` of a development engine. */
export type OutboxDocument = {
  /** `attemptId`, by which it is found for export and erasure. */
  readonly _id: string;
  readonly workspaceId: string;
  /** `toPosition` of the time and the id. */
  readonly position: string;
  readonly at: Date;
  readonly channel: OutsideChannelName;
  readonly to: string;
  /** The content, as JSON. */
  readonly content: string;
};

export const outboxIndexes = [
  { name: "by_position", key: { workspaceId: 1, position: -1 } },
  // Retention.
  { name: "by_time", key: { workspaceId: 1, at: 1 } },
] as const satisfies readonly IndexDefinition[];

export async function insertOutbox(store: Store, documents: readonly OutboxDocument[]): Promise<void> {
  await insertNew(store.outbox, documents);
}

/** The first look of a list goes back this far, each further one this many times as far. */
const LOOK_MS = 60_000;
const LOOK_FACTOR = 8;

/** A workspace's, newest first. Looks back in growing spans of time, so that there is little to sort.
 *  @param options.before a position; the page begins after it. @param options.since nothing is older. */
export async function listOutbox(
  store: Store,
  options: {
    readonly workspaceId: string;
    readonly before?: string;
    readonly now: Date;
    readonly since: Date;
    readonly limit: number;
  },
): Promise<OutboxDocument[]> {
  const { workspaceId, now, limit } = options;
  const page: OutboxDocument[] = [];
  let before = options.before ?? toPosition(new Date(now.getTime() + LOOK_MS));
  const beginning = options.since.getTime() - LOOK_MS;
  for (let span = LOOK_MS; page.length < limit && Number(before.slice(0, 15)) > beginning; span *= LOOK_FACTOR) {
    const from = toPosition(new Date(Math.max(beginning, Number(before.slice(0, 15)) - span)));
    const found = store.outbox.find({ workspaceId, position: { $gte: from, $lt: before } }).sort({ position: -1 });
    page.push(...(await onStore(() => found.limit(limit - page.length).toArray())));
    before = from;
  }
  return page;
}
