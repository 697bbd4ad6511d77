import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import { type Cell, CellSum } from "../domain/analytics/cell.ts";
import { listBelow, SPAN_MS, type Span, type SpanKind, toSpan, toStartMs } from "../domain/analytics/span.ts";
import { toCreditGroups } from "../domain/analytics/to-credit-groups.ts";
import type { AccessDirectory } from "../integrations/access-directory.ts";
import {
  claimLease,
  deleteSliceMarks,
  findRollups,
  groupSlice,
  listConversionsOfSlice,
  listSliceMarks,
  putRollups,
  rollupId,
  type Store,
} from "../store/index.ts";
import { startLoop } from "./start-loop.ts";

/** What reckoning figures stands on. */
export type RollupOptions = {
  readonly store: Store;
  readonly log: Logger;
  readonly access: Pick<AccessDirectory, "workspaces">;
  readonly now: () => Date;
};

const PAUSE_MS = 500;
const LEASE_MS = 10_000;
/** A slice is reckoned when it is over and what happened at its end has had this long to come; what comes later has it reckoned again. */
const SETTLE_MS = 1_000;
const MARKS_MAX = 2_000;
const SLICES_AT_ONCE = 120;
const WRITTEN_AT_ONCE = 50;

/** Reckons the figures of spans that have changed. Any number may run: of each workspace one does it, and when it dies another one goes
 *  on within ten seconds. */
export function startRollup(options: RollupOptions): AsyncDisposable {
  const holder = randomUUID();
  return startLoop("rollup", PAUSE_MS, options.log, async () => {
    for (const { id } of options.access.workspaces()) {
      const now = new Date();
      const until = new Date(now.getTime() + LEASE_MS);
      if (await claimLease(options.store, `rollup/${id}`, { holder, now, until })) await rollUp(options, id);
    }
  });
}

/** Reckons what is noted of a workspace, a page of it: slices from their events, then everything above them from what is below. Marks
 *  are taken away last, so that a kill has it all done again, with the same result.
 *  @returns how many slices were reckoned. */
export async function rollUp(
  { store, now }: Pick<RollupOptions, "store" | "now">,
  workspaceId: string,
): Promise<number> {
  const until = toSpan("slice", now().getTime() - SETTLE_MS).n;
  const marks = await listSliceMarks(store, { workspaceId, until, limit: MARKS_MAX });
  if (marks.length === 0) return 0;
  const wanted = new Set([...new Set(marks.map(({ slice }) => slice))].sort((a, b) => a - b).slice(0, SLICES_AT_ONCE));
  await reckon(store, workspaceId, { slices: [...wanted], nowMs: now().getTime() });
  await deleteSliceMarks(
    store,
    marks.flatMap(({ _id, slice }) => (wanted.has(slice) ? [_id] : [])),
  );
  return wanted.size;
}

/** Reckons these slices, and all that they are part of. */
export async function reckon(
  store: Store,
  workspaceId: string,
  { slices, nowMs }: { readonly slices: readonly number[]; readonly nowMs: number },
): Promise<void> {
  const touched = new Set(slices);
  const minutes = toAbove(
    "minute",
    slices.map((n) => ({ kind: "slice", n })),
  );
  // Slices that are no longer kept are reckoned too, where a minute needs them.
  const oldest = toSpan("slice", nowMs - SPAN_MS.day + SPAN_MS.hour).n;
  const gone = minutes.flatMap(listBelow).filter(({ n }) => n < oldest && !touched.has(n));
  const reckoned: Rollup[] = [];
  for (const n of [...touched, ...gone.map((span) => span.n)])
    reckoned.push({ span: { kind: "slice", n }, cells: await sumSlice(store, workspaceId, n) });
  await put(store, workspaceId, reckoned);
  let below: readonly Span[] = minutes;
  await put(store, workspaceId, await sumAll(store, workspaceId, minutes));
  for (const kind of ["hour", "day"] as const) {
    below = toAbove(kind, below);
    await put(store, workspaceId, await sumAll(store, workspaceId, below));
  }
}

type Rollup = { readonly span: Span; readonly cells: readonly Cell[] };

/** The figures of a slice, from its events. */
export async function sumSlice(store: Store, workspaceId: string, n: number): Promise<Cell[]> {
  const sum = new CellSum();
  for (const group of await groupSlice(store, workspaceId, n)) sum.addGroup(group);
  for (const conversion of await listConversionsOfSlice(store, workspaceId, n))
    for (const group of toCreditGroups(conversion)) sum.addGroup(group);
  return sum.toCells();
}

async function sumAll(store: Store, workspaceId: string, spans: readonly Span[]): Promise<Rollup[]> {
  const rollups: Rollup[] = [];
  for (const span of spans) {
    const sum = new CellSum();
    const below = await findRollups(store, workspaceId, listBelow(span));
    for (const one of listBelow(span))
      for (const cell of below.get(rollupId(workspaceId, one)) ?? []) sum.addCell(cell);
    rollups.push({ span, cells: sum.toCells() });
  }
  return rollups;
}

async function put(store: Store, workspaceId: string, rollups: readonly Rollup[]): Promise<void> {
  for (let first = 0; first < rollups.length; first += WRITTEN_AT_ONCE)
    await putRollups(store, workspaceId, rollups.slice(first, first + WRITTEN_AT_ONCE));
}

/** The spans of a kind that these lie in, each once. */
function toAbove(kind: SpanKind, spans: readonly Span[]): Span[] {
  const found = spans.map((span) => toSpan(kind, toStartMs(span)));
  return [...new Map(found.map((span) => [span.n, span])).values()];
}
