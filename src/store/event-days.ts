import { SPAN_MS, toSpan } from "../domain/analytics/span.ts";
import type { Store } from "./connect-store.ts";
import { type EventDocument, toSliceKey } from "./events.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";
import { readAll } from "./read-all.ts";

/** Where touchpoints are, and what is told of orders. */
export type EventCollection = "events" | "order_events";

/** What happened on a UTC day, in no order, at most `limit`. */
export function streamEventsOfDay(
  store: Store,
  options: {
    readonly workspaceId: string;
    readonly collection: EventCollection;
    /** When the day begins, ms since 1970. */
    readonly dayMs: number;
    readonly limit: number;
  },
): AsyncIterable<EventDocument> {
  const { workspaceId, collection, dayMs, limit } = options;
  const endMs = dayMs + SPAN_MS.day;
  if (collection === "order_events") {
    const occurredAt = { $gte: new Date(dayMs), $lt: new Date(endMs) };
    return readAll(store.orderEvents.find({ workspaceId, occurredAt }).limit(limit));
  }
  // From 1985 to 2128 slices have nine digits, and so are texts in order of time.
  const toKey = (ms: number) => toSliceKey(workspaceId, toSpan("slice", ms).n);
  return readAll(store.events.find({ slice: { $gte: toKey(dayMs), $lt: toKey(endMs) } }).limit(limit));
}

/** Those of the events that are there. */
export function streamEventsById(
  store: Store,
  collection: EventCollection,
  ids: readonly string[],
): AsyncIterable<EventDocument> {
  return readAll(toCollection(store, collection).find({ _id: { $in: [...ids] } }));
}

/** Puts events back as they were. Nothing is noted: the figures have them.
 *  @returns how many were not there. */
export async function restoreEvents(
  store: Store,
  collection: EventCollection,
  events: readonly EventDocument[],
): Promise<number> {
  return events.length - (await insertNew(toCollection(store, collection), events)).length;
}

/** @returns how many there were. */
export async function removeEvents(store: Store, collection: EventCollection, ids: readonly string[]): Promise<number> {
  if (ids.length === 0) return 0;
  const { deletedCount } = await onStore(() => toCollection(store, collection).deleteMany({ _id: { $in: [...ids] } }));
  return deletedCount;
}

const toCollection = (store: Store, collection: EventCollection) =>
  collection === "events" ? store.events : store.orderEvents;
