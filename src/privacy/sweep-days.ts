import { type ArchiveParts, archiveAndRemove } from "../archive/archive-and-remove.ts";
import { SPAN_MS, toSpan } from "../domain/analytics/span.ts";
import type { Workspace } from "../integrations/access-directory.ts";
import {
  advanceCheckpoint,
  type EventCollection,
  findCheckpoint,
  listSliceMarks,
  removeEvents,
  type Store,
  setFinalUntil,
  streamEventsById,
  streamEventsOfDay,
} from "../store/index.ts";

/** What removing events works with. */
export type SweepParts = {
  readonly store: Store;
  /** Where events are archived before they go. Absent: nowhere. */
  readonly archiveDir?: string | undefined;
};

/** Of one archived file: what fits into memory several times over, and takes a second or two to read back. */
const PART_EVENTS_MAX = 100_000;
const REMOVED_AT_ONCE = 1_000;
/** Of one collection at a time; the next sweep goes on from there. */
const REMOVED_MAX = 500_000;
const DAYS_MAX = 100;
/** What is told late is at most so old, so that these days are looked at again. */
const LATE_DAYS = 31;

const floorToDay = (ms: number) => Math.floor(ms / SPAN_MS.day) * SPAN_MS.day;
const toDay = (dayMs: number) => new Date(dayMs).toISOString().slice(0, 10);

/** Before something goes that figures are reckoned from: the days whose figures may now become final.
 *  @returns the end of the last whole day before `until`; undefined while figures of before then are still to be reckoned. */
export async function closeFigures(store: Store, workspaceId: string, until: Date): Promise<Date | undefined> {
  const end = new Date(floorToDay(until.getTime()));
  const open = await listSliceMarks(store, { workspaceId, until: toSpan("slice", end.getTime()).n, limit: 1 });
  if (open.length > 0) return undefined;
  await setFinalUntil(store, workspaceId, end);
  return end;
}

/** Removes what happened before `end`, a UTC day after another, and archives it first where there is an archive. */
export async function sweepDays(
  parts: SweepParts,
  workspace: Pick<Workspace, "id" | "createdAt">,
  { kind, collection, end }: { readonly kind: string; readonly collection: EventCollection; readonly end: Date },
): Promise<number> {
  const name = `retention/${workspace.id}/${kind}`;
  const beginning = floorToDay(workspace.createdAt.getTime()) - LATE_DAYS * SPAN_MS.day;
  const done = (await findCheckpoint(parts.store, name))?.getTime() ?? beginning;
  if (done >= end.getTime()) return 0;
  const from = Math.max(beginning, floorToDay(done) - LATE_DAYS * SPAN_MS.day);
  const until = Math.min(end.getTime(), from + DAYS_MAX * SPAN_MS.day);
  let removed = 0;
  for (let dayMs = from; dayMs < until; dayMs += SPAN_MS.day) {
    for (let some = -1; some !== 0; removed += some) {
      if (removed >= REMOVED_MAX) return removed;
      some = await removeSomeOfDay(parts, { workspaceId: workspace.id, collection, dayMs });
    }
  }
  await advanceCheckpoint(parts.store, name, new Date(until));
  return removed;
}

type OfDay = { readonly workspaceId: string; readonly collection: EventCollection; readonly dayMs: number };

async function removeSomeOfDay({ store, archiveDir }: SweepParts, of: OfDay): Promise<number> {
  const read = () => streamEventsOfDay(store, { ...of, limit: PART_EVENTS_MAX });
  if (archiveDir !== undefined)
    return archiveAndRemove({ store, dir: archiveDir }, { ...of, day: toDay(of.dayMs) }, read);
  const ids: string[] = [];
  for await (const { _id } of read()) ids.push(_id);
  let removed = 0;
  for (let first = 0; first < ids.length; first += REMOVED_AT_ONCE)
    removed += await removeEvents(store, of.collection, ids.slice(first, first + REMOVED_AT_ONCE));
  return removed;
}

/** Archives events that go with their interventions, by the days they happened on. */
export async function archiveEvents(
  parts: ArchiveParts,
  workspaceId: string,
  events: readonly { readonly _id: string; readonly occurredAt: Date }[],
): Promise<number> {
  let removed = 0;
  for (const [day, some] of Map.groupBy(events, ({ occurredAt }) => toDay(floorToDay(occurredAt.getTime())))) {
    const ids = some.map(({ _id }) => _id);
    const read = () => streamEventsById(parts.store, "events", ids);
    removed += await archiveAndRemove(parts, { workspaceId, collection: "events", day }, read);
  }
  return removed;
}
