import { randomUUID } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Binary } from "mongodb";
import { type Segment, SegmentSchema } from "../../gen/intervention/v1/segment_pb.js";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

/** One segment as it is now. */
export type SegmentDocument = {
  /** `{workspace}/{segment}`. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly segmentId: string;
  /** `toPosition` of the time it was made and its id: what lists are ordered by. */
  readonly position: string;
  readonly updatedAt: Date;
  /** Another one with each change. */
  readonly etag: string;
  /** Segment, without its etag. */
  readonly segment: Binary;
};

export const segmentIndexes = [
  { name: "by_position", key: { workspaceId: 1, position: -1 } },
  // What has changed lately, for those who keep segments in memory.
  { name: "by_change", key: { updatedAt: 1 } },
] as const satisfies readonly IndexDefinition[];

const segmentDocumentId = (workspaceId: string, segmentId: string) => `${workspaceId}/${segmentId}`;

/** Reads the body back, with its etag. */
export function toSegment({ segment, etag }: Pick<SegmentDocument, "segment" | "etag">): Segment {
  const message = fromBinary(SegmentSchema, segment.value());
  message.etag = etag;
  return message;
}

const toBody = (segment: Segment) =>
  new Binary(toBinary(SegmentSchema, create(SegmentSchema, { ...segment, etag: "" })));

type Key = { readonly workspaceId: string; readonly segmentId: string };

/** Makes a segment.
 *  @returns false when its id is taken. */
export async function insertSegment(
  store: Store,
  { segment, ...document }: Key & { readonly position: string; readonly updatedAt: Date; readonly segment: Segment },
): Promise<boolean> {
  const _id = segmentDocumentId(document.workspaceId, document.segmentId);
  const inserted = { ...document, _id, etag: randomUUID(), segment: toBody(segment) };
  return (await insertNew(store.segments, [inserted])).length === 0;
}

export async function findSegment(store: Store, { workspaceId, segmentId }: Key): Promise<Segment | undefined> {
  const found = await onStore(() => store.segments.findOne({ _id: segmentDocumentId(workspaceId, segmentId) }));
  return found === null ? undefined : toSegment(found);
}

/** Puts a segment in the place of the one with its etag.
 *  @returns undefined when someone was first. */
export async function replaceSegment(
  store: Store,
  { workspaceId, segment, updatedAt }: { workspaceId: string; segment: Segment; updatedAt: Date },
): Promise<Segment | undefined> {
  const etag = randomUUID();
  // The condition stands in the update, not in the filter: see `saveShopper`.
  const set = <T>(value: T, field: string) => ({
    $cond: [{ $eq: ["$etag", segment.etag] }, { $literal: value }, `$${field}`],
  });
  const fields = { segment: toBody(segment), updatedAt, etag };
  const update = [
    { $set: Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, set(value, name)])) },
  ];
  const _id = segmentDocumentId(workspaceId, segment.segmentId);
  const found = await onStore(() => store.segments.findOneAndUpdate({ _id }, update, { returnDocument: "after" }));
  return found?.etag === etag ? toSegment(found) : undefined;
}

/** A page, newest first. A workspace's segments are few enough to be sorted. */
export function listSegments(
  store: Store,
  options: { readonly workspaceId: string; readonly before?: string; readonly limit: number },
): Promise<SegmentDocument[]> {
  // Positions begin with a digit.
  const filter = { workspaceId: options.workspaceId, position: { $lt: options.before ?? ":" } };
  return onStore(() => store.segments.find(filter).sort({ position: -1 }).limit(options.limit).toArray());
}

const CHANGED_MAX = 100_000;

/** Every workspace's segments that were changed since a time. */
export function listSegmentsChanged(store: Store, since: Date): Promise<SegmentDocument[]> {
  return onStore(() =>
    store.segments
      .find({ updatedAt: { $gte: since } })
      .limit(CHANGED_MAX)
      .toArray(),
  );
}
