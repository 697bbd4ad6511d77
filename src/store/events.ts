import { onStore, type IndexDefinition, type Store } from "./connect-store.ts";
import { insertNew } from "./insert-new.ts";

/** One touchpoint. */
export type EventDocument = {
  /** `{intervention}:{kind}`, and something of its own after it for what can happen again. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly interventionId: string;
  readonly userId: string;
  readonly kind: string;
  readonly campaign: string;
  readonly channel: string;
  readonly occurredAt: Date;
  readonly receivedAt: Date;
  readonly actionId?: string;
  readonly reason?: string;
};

/** The id says all that is asked of it so far: whose it is, and which kind. */
export const eventIndexes = [] as const satisfies readonly IndexDefinition[];

/** Stores those that are new.
 *  @returns how many were stored before. */
export async function insertEvents(store: Store, events: readonly EventDocument[]): Promise<number> {
  return (await insertNew(store.events, events)).length;
}

const EVENTS_OF_ONE_MAX = 1_000;

/** What happened to one intervention, in order of time. */
export function listEvents(store: Store, workspaceId: string, interventionId: string): Promise<EventDocument[]> {
  // ";" is the character after ":": the range holds the ids that begin with `{intervention}:`.
  return onStore(async () => {
    const events = await store.events
      .find({ _id: { $gte: `${interventionId}:`, $lt: `${interventionId};` }, workspaceId })
      .limit(EVENTS_OF_ONE_MAX)
      .toArray();
    return events.sort((a, b) => a.occurredAt.getTime() - b.occurredAt.getTime() || a.receivedAt.getTime() - b.receivedAt.getTime());
  });
}
