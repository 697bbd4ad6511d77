import { randomUUID } from "node:crypto";
import type { EventGroup } from "../domain/analytics/cell.ts";
import type { Counted } from "../domain/analytics/counted.ts";
import { SPAN_MS, type Span, toStartMs } from "../domain/analytics/span.ts";
import { advanceCheckpoint, findCheckpoint } from "./checkpoints.ts";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { onStore } from "./on-store.ts";

/** The figures of a span of time: reckoned from the events in it, never counted up. */
export type RollupDocument = Counted & {
  /** `{workspace}/{kind of span}/{n}`. */
  readonly _id: string;
  readonly workspaceId: string;
  /** Slices alone are removed; what they are made of is there. */
  readonly expireAt?: Date;
};

export const rollupIndexes = [
  { name: "expiry", key: { expireAt: 1 }, expireAfterSeconds: 0, sparse: true },
] as const satisfies readonly IndexDefinition[];

/** That events of a slice of time have come. Each is noted by itself: what comes while figures are reckoned is reckoned again. */
export type RollupMarkDocument = { readonly _id: string; readonly workspaceId: string; readonly slice: number };

export const rollupMarkIndexes = [
  { name: "by_slice", key: { workspaceId: 1, slice: 1 } },
] as const satisfies readonly IndexDefinition[];

/** Slices are kept as long as late events of them are likely. */
const SLICE_KEPT_MS = 86_400_000;

export const rollupId = (workspaceId: string, { kind, n }: Span) => `${workspaceId}/${kind}/${n}`;

/** Notes them, on disk. */
export async function noteSlices(store: Store, slices: readonly Omit<RollupMarkDocument, "_id">[]): Promise<void> {
  if (slices.length === 0) return;
  const documents = slices.map((one) => ({ _id: randomUUID(), ...one }));
  await onStore(() => store.rollupMarks.insertMany(documents, { ordered: false }));
}

/** Some of the slices that are noted and are over, by then at least.
 *  @param options.until the first slice that is not over. */
export function listSliceMarks(
  store: Store,
  options: { readonly workspaceId: string; readonly until: number; readonly limit: number },
): Promise<RollupMarkDocument[]> {
  const filter = { workspaceId: options.workspaceId, slice: { $lt: options.until } };
  return onStore(() => store.rollupMarks.find(filter).limit(options.limit).toArray());
}

/** Their figures are on disk. */
export async function deleteSliceMarks(store: Store, ids: readonly string[]): Promise<void> {
  await onStore(() => store.rollupMarks.deleteMany({ _id: { $in: [...ids] } }));
}

const finalName = (workspaceId: string) => `figures/${workspaceId}`;

/** Figures of what happened before then are never reckoned again: what they were reckoned from is not all there any more.
 *  @returns ms since 1970; 0 where everything is there. */
export async function findFinalUntil(store: Store, workspaceId: string): Promise<number> {
  return (await findCheckpoint(store, finalName(workspaceId)))?.getTime() ?? 0;
}

/** Says that what happened before then is about to be removed. */
export function setFinalUntil(store: Store, workspaceId: string, at: Date): Promise<void> {
  return advanceCheckpoint(store, finalName(workspaceId), at);
}

/** What happened in a slice, summed up by the server. */
export async function groupSlice(store: Store, workspaceId: string, n: number): Promise<EventGroup[]> {
  const field = (name: string) => ({ $ifNull: [`$${name}`, ""] });
  const stages = [
    { $match: { slice: `${workspaceId}/${n}` } },
    {
      $group: {
        _id: {
          ...{ kind: "$kind", campaign: "$campaign", channel: "$channel" },
          ...{ variant: field("variant"), template: field("template"), locale: field("locale") },
          reason: { $cond: [{ $eq: ["$kind", "decided"] }, field("reason"), ""] },
          ...{ rule: field("rule"), currency: field("currency"), actor: field("actor"), stageBin: "$stageBin" },
          segments: "$segments",
        },
        count: { $sum: 1 },
        valueMinor: { $sum: "$valueMinor" },
        costMicros: { $sum: "$costMicros" },
      },
    },
  ];
  type Row = Omit<EventGroup, "byPerson" | "count" | "valueMinor" | "costMicros"> & { readonly actor: string };
  type Found = { readonly _id: Row } & Pick<EventGroup, "count" | "valueMinor" | "costMicros">;
  const found = await onStore(() => store.events.aggregate<Found>(stages).toArray());
  return found.map(({ _id: { actor, stageBin, segments, ...row }, ...sums }) => ({
    ...row,
    ...sums,
    ...(typeof stageBin === "number" ? { stageBin } : {}),
    ...(Array.isArray(segments) ? { segments } : {}),
    byPerson: actor === "" || actor === "person",
  }));
}

/** The figures of these spans; of one in which nothing happened, none.
 *  @param part what is needed of them. Default: everything. */
export async function findRollups(
  store: Store,
  workspaceId: string,
  spans: readonly Span[],
  part?: keyof Counted,
): Promise<Map<string, Counted>> {
  const ids = spans.map((span) => rollupId(workspaceId, span));
  const projection = part === undefined ? {} : { [part]: 1 };
  const found = await onStore(() => store.rollups.find({ _id: { $in: ids } }, { projection }).toArray());
  return new Map(found.map(({ _id, cells = [], segments }) => [_id, { cells, ...(segments && { segments }) }]));
}

/** Puts the figures of spans in the place of those before. */
export async function putRollups(
  store: Store,
  workspaceId: string,
  rollups: readonly (Counted & { readonly span: Span })[],
): Promise<void> {
  if (rollups.length === 0) return;
  const operations = rollups.map(({ span, ...counted }) => {
    const _id = rollupId(workspaceId, span);
    const expireAt = new Date(toStartMs(span) + SPAN_MS.slice + SLICE_KEPT_MS);
    const replacement = { workspaceId, ...counted, ...(span.kind === "slice" ? { expireAt } : {}) };
    return { replaceOne: { filter: { _id }, replacement, upsert: true } };
  });
  await onStore(() => store.rollups.bulkWrite(operations, { ordered: false }));
}
