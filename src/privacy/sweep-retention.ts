import type { Document } from "mongodb";
import type { Workspace } from "../integrations/access-directory.ts";
import {
  advanceCheckpoint,
  findCheckpoint,
  listAcceptedIds,
  onStore,
  type Store,
  toEventFilters,
} from "../store/index.ts";
import { PERSONAL_COLLECTIONS } from "./collections.ts";
import { findOfInterventions, removeAll } from "./find-personal.ts";
import { LEDGER_KIND, listRules, type RetentionRule } from "./retention.ts";
import { archiveEvents, closeFigures, type SweepParts, sweepDays } from "./sweep-days.ts";

const DAY_MS = 86_400_000;
const BATCH = 500;
/** Of one kind at a time; the next sweep goes on from there. */
const BATCHES_MAX = 20;
const SLICE_MS = { first: 60_000, max: 30 * DAY_MS };
/** After a change of clocks the ledger may have something older than the workspace. */
const OVERLAP_MS = 60_000;

/** Removes what a workspace keeps no longer, in bounded batches by index. */
export async function sweepRetention(
  parts: SweepParts,
  workspace: Pick<Workspace, "id" | "createdAt">,
  now: Date,
): Promise<number> {
  let removed = 0;
  for (const rule of await listRules(parts.store, workspace.id))
    if (rule.days > 0) removed += await sweepKind(parts, workspace, rule, new Date(now.getTime() - rule.days * DAY_MS));
  return removed;
}

async function sweepKind(
  parts: SweepParts,
  workspace: Pick<Workspace, "id" | "createdAt">,
  rule: RetentionRule,
  until: Date,
): Promise<number> {
  const { kind, timeField, archivedAs, isCounted } = rule;
  const end = isCounted ? await closeFigures(parts.store, workspace.id, until) : until;
  if (end === undefined) return 0;
  if (archivedAs !== undefined) return sweepDays(parts, workspace, { kind, collection: archivedAs, end });
  if (timeField !== undefined) return sweepByTime(parts.store, workspace.id, { ...rule, timeField }, end);
  return sweepByInterventions(parts, workspace, rule, end);
}

async function sweepByTime(
  store: Store,
  workspaceId: string,
  { collection, timeField }: { readonly collection: string; readonly timeField: string },
  until: Date,
): Promise<number> {
  let removed = 0;
  for (let batch = 0; batch < BATCHES_MAX; batch += 1) {
    const found = await onStore(() =>
      store.db
        .collection<Document & { readonly _id: string }>(collection)
        .find({ workspaceId, [timeField]: { $lt: until } }, { projection: { _id: 1 } })
        .limit(BATCH)
        .toArray(),
    );
    removed += await removeAll(store, collection, found);
    if (found.length < BATCH) break;
  }
  return removed;
}

/** Follows the ledger through time. A kind of its own has a checkpoint, since the ledger stays; the ledger takes all of its
 *  interventions along, and itself last. */
async function sweepByInterventions(
  parts: SweepParts,
  workspace: Pick<Workspace, "id" | "createdAt">,
  rule: RetentionRule,
  until: Date,
): Promise<number> {
  const { store } = parts;
  const name = `retention/${workspace.id}/${rule.kind}`;
  const beginning = new Date(workspace.createdAt.getTime() - OVERLAP_MS);
  let from = ((await findCheckpoint(store, name)) ?? beginning).getTime();
  let sliceMs = SLICE_MS.first;
  let removed = 0;
  for (let batch = 0; batch < BATCHES_MAX && from < until.getTime(); batch += 1) {
    const end = Math.min(from + sliceMs, until.getTime());
    const slice = { workspaceId: workspace.id, from: new Date(from), until: new Date(end), limit: BATCH };
    const entries = await listAcceptedIds(store, slice);
    if (entries.length > BATCH && sliceMs > 1) {
      sliceMs = Math.max(1, Math.floor(sliceMs / 4));
      continue;
    }
    const ids = entries.map(({ _id }) => _id);
    if (ids.length > 0) removed += await removeOf(parts, workspace.id, rule, ids);
    // More of one millisecond than a batch: the ledger shrinks and so is read again.
    if (entries.length <= BATCH) {
      from = end;
      await advanceCheckpoint(store, name, new Date(from));
      sliceMs = Math.min(SLICE_MS.max, sliceMs * 4);
    }
  }
  return removed;
}

async function removeOf(
  { store, archiveDir }: SweepParts,
  workspaceId: string,
  rule: RetentionRule,
  interventionIds: readonly string[],
): Promise<number> {
  let removed = 0;
  for (const [collection, { ofInterventions }] of PERSONAL_COLLECTIONS) {
    if (ofInterventions === undefined || (rule.kind !== LEDGER_KIND && collection !== rule.collection)) continue;
    if (collection === "events" && archiveDir !== undefined)
      removed += await archiveEvents({ store, dir: archiveDir }, workspaceId, await findDated(store, interventionIds));
    else removed += await removeAll(store, collection, await ofInterventions(store, interventionIds));
  }
  return removed;
}

/** The events of interventions, with when they happened. */
async function findDated(store: Store, interventionIds: readonly string[]) {
  const found = await findOfInterventions(store, "events", toEventFilters(interventionIds));
  return found.map(({ _id, occurredAt }) => ({ _id, occurredAt }));
}
