import { toSpan } from "../domain/analytics/span.ts";
import type { PathModelName } from "../domain/attribution/credit-order.ts";
import type { Touch } from "../domain/attribution/touch.ts";
import type { Store } from "./connect-store.ts";
import { type EventDocument, toOrderKey, toSliceKey } from "./events.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";
import { noteSlices } from "./rollups.ts";

/** Something that a user saw or clicked, as orders are credited to it. */
export type TouchDocument = Touch & {
  readonly interventionId: string;
  readonly campaign: string;
  readonly variant: string;
  readonly template: string;
  readonly locale: string;
  /** As events have it. */
  readonly segments?: readonly string[];
};

/** An order, and what it is credited to: reckoned anew whenever something new of it is known. */
export type ConversionDocument = {
  /** `{workspace}/{order}`, the latter escaped. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly userId: string;
  readonly orderId: string;
  readonly at: Date;
  readonly valueMinor: number;
  readonly refundedMinor: number;
  readonly currency: string;
  /** Oldest first. */
  readonly path: readonly TouchDocument[];
  /** Of each touch of the path, in minor units. */
  readonly credits: Readonly<Record<PathModelName, readonly number[]>>;
  /** As events have it. */
  readonly slice: string;
};

export const conversionIndexes = [
  { name: "by_user", key: { workspaceId: 1, userId: 1, at: 1 } },
  { name: "by_time", key: { workspaceId: 1, at: 1 } },
  { name: "slice", key: { slice: 1 } },
] as const satisfies readonly IndexDefinition[];

export const conversionId = (workspaceId: string, orderId: string) => `${workspaceId}/${encodeURIComponent(orderId)}`;

/** Puts conversions in the place of those before, and notes that the figures of their time have changed. */
export async function putConversions(store: Store, conversions: readonly ConversionDocument[]): Promise<void> {
  if (conversions.length === 0) return;
  // Most are new, and inserting one costs a tenth of replacing it.
  const known = await insertNew(store.conversions, conversions);
  const operations = known.flatMap(({ index }) => {
    const conversion = conversions[index];
    if (conversion === undefined) return [];
    const { _id, ...replacement } = conversion;
    return [{ replaceOne: { filter: { _id }, replacement } }];
  });
  if (operations.length > 0) await onStore(() => store.conversions.bulkWrite(operations, { ordered: false }));
  await noteSlices(
    store,
    conversions.map(({ workspaceId, at }) => ({ workspaceId, slice: toSpan("slice", at.getTime()).n })),
  );
}

export const toConversionSlice = (workspaceId: string, at: Date) =>
  toSliceKey(workspaceId, toSpan("slice", at.getTime()).n);

export async function findConversion(
  store: Store,
  workspaceId: string,
  orderId: string,
): Promise<ConversionDocument | undefined> {
  return (await onStore(() => store.conversions.findOne({ _id: conversionId(workspaceId, orderId) }))) ?? undefined;
}

/** What was bought in a slice of time. */
export function listConversionsOfSlice(store: Store, workspaceId: string, n: number): Promise<ConversionDocument[]> {
  return onStore(() => store.conversions.find({ slice: toSliceKey(workspaceId, n) }).toArray());
}

/** The orders of some users since a time. */
export function listConversionsOf(
  store: Store,
  options: { readonly workspaceId: string; readonly userId: string; readonly from: Date },
): Promise<ConversionDocument[]> {
  const { workspaceId, userId, from } = options;
  return onStore(() => store.conversions.find({ workspaceId, userId, at: { $gte: from } }).toArray());
}

/** All orders of some users, in no order. */
export function listConversionsOfUsers(
  store: Store,
  workspaceId: string,
  userIds: readonly string[],
): Promise<ConversionDocument[]> {
  return onStore(() => store.conversions.find({ workspaceId, userId: { $in: [...userIds] } }).toArray());
}

/** The orders of [from, until), one after the other, in no order. */
export function streamConversions(
  store: Store,
  options: { readonly workspaceId: string; readonly from: Date; readonly until: Date },
  projection: Partial<Record<keyof ConversionDocument, 1>>,
): AsyncIterable<ConversionDocument> {
  const { workspaceId, from, until } = options;
  return store.conversions.find({ workspaceId, at: { $gte: from, $lt: until } }, { projection });
}

/** What people touched of each user, from his events; by `toTouchKey`. */
export async function findTouches(store: Store, keys: readonly string[]): Promise<Map<string, TouchDocument[]>> {
  const found = await onStore(() =>
    store.events
      .find({ touchOf: { $in: [...keys] } })
      .limit(TOUCHES_MAX)
      .toArray(),
  );
  const groups = Map.groupBy(found, ({ touchOf }) => touchOf ?? "");
  return new Map([...groups].map(([key, events]) => [key, events.map(toTouch)]));
}

const TOUCHES_MAX = 100_000;

const toTouch = (event: EventDocument): TouchDocument => ({
  id: event._id,
  channel: event.channel,
  kind: event.kind === "clicked" ? "click" : "view",
  at: event.occurredAt.getTime(),
  interventionId: event.interventionId,
  ...{ campaign: event.campaign, variant: event.variant ?? "", template: event.template ?? "" },
  locale: event.locale ?? "",
  ...(event.segments === undefined ? {} : { segments: event.segments }),
});

/** The orders and refunds that events tell of, of these orders. */
export function findOrderEvents(
  store: Store,
  workspaceId: string,
  orderIds: readonly string[],
): Promise<EventDocument[]> {
  const again = orderIds.map((orderId) => toOrderKey(workspaceId, orderId));
  return onStore(() => store.orderEvents.find({ again: { $in: again } }).toArray());
}
