import { type Counted, CountedSum } from "../domain/analytics/counted.ts";
import { listBelow, SPAN_MS, type Span, type SpanKind, toSpan, toStartMs } from "../domain/analytics/span.ts";
import { toCreditGroups } from "../domain/analytics/to-credit-groups.ts";
import type { Store } from "./connect-store.ts";
import { listConversionsOfSlice } from "./conversions.ts";
import { findFinalUntil, findRollups, groupSlice, putRollups, rollupId } from "./rollups.ts";

const WRITTEN_AT_ONCE = 50;
const NOTHING: Counted = { cells: [] };

/** Reckons these slices, and all that they are part of, but for those whose figures are final. */
export async function reckon(
  store: Store,
  workspaceId: string,
  { slices: given, nowMs }: { readonly slices: readonly number[]; readonly nowMs: number },
): Promise<void> {
  const finalUntil = await findFinalUntil(store, workspaceId);
  const slices = given.filter((n) => toStartMs({ kind: "slice", n }) >= finalUntil);
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
    reckoned.push({ span: { kind: "slice", n }, ...(await sumSlice(store, workspaceId, n)) });
  await put(store, workspaceId, reckoned);
  let below: readonly Span[] = minutes;
  await put(store, workspaceId, await sumAll(store, workspaceId, minutes));
  for (const kind of ["hour", "day"] as const) {
    below = toAbove(kind, below);
    await put(store, workspaceId, await sumAll(store, workspaceId, below));
  }
}

type Rollup = Counted & { readonly span: Span };

/** The figures of a slice, from its events. */
export async function sumSlice(store: Store, workspaceId: string, n: number): Promise<Counted> {
  const sum = new CountedSum();
  for (const group of await groupSlice(store, workspaceId, n)) sum.addGroup(group);
  for (const conversion of await listConversionsOfSlice(store, workspaceId, n))
    for (const group of toCreditGroups(conversion)) sum.addGroup(group);
  return sum.toCounted();
}

async function sumAll(store: Store, workspaceId: string, spans: readonly Span[]): Promise<Rollup[]> {
  const rollups: Rollup[] = [];
  for (const span of spans) {
    const sum = new CountedSum();
    const below = await findRollups(store, workspaceId, listBelow(span));
    for (const one of listBelow(span)) sum.add(below.get(rollupId(workspaceId, one)) ?? NOTHING);
    rollups.push({ span, ...sum.toCounted() });
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
