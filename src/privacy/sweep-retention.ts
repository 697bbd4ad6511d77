import type { Document } from "mongodb";
import type { Workspace } from "../integrations/access-directory.ts";
import { advanceCheckpoint, findCheckpoint, listAcceptedIds, onStore, type Store } from "../store/index.ts";
import { PERSONAL_COLLECTIONS } from "./collections.ts";
import { removeAll } from "./find-personal.ts";
import { LEDGER_KIND, listRules, type RetentionRule } from "./retention.ts";

const DAY_MS = 86_400_000;
const BATCH = 500;
/** Of one kind at a time; the next sweep goes on from there. */
const BATCHES_MAX = 20;
const SLICE_MS = { first: 60_000, max: 30 * DAY_MS };
/** After a change of clocks the ledger may have something older than the workspace. */
const OVERLAP_MS = 60_000;

/** Removes what a workspace keeps no longer, in bounded batches by index. */
export async function sweepRetention(
  store: Store,
  workspace: Pick<Workspace, "id" | "createdAt">,
  now: Date,
): Promise<number> {
  let removed = 0;
  for (const rule of await listRules(store, workspace.id)) {
    if (rule.days === 0) continue;
    const until = new Date(now.getTime() - rule.days * DAY_MS);
    removed +=
      rule.timeField === undefined
        ? await sweepByInterventions(store, workspace, rule, until)
        : await sweepByTime(store, workspace.id, { ...rule, timeField: rule.timeField }, until);
  }
  return removed;
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
  store: Store,
  workspace: Pick<Workspace, "id" | "createdAt">,
  rule: RetentionRule,
  until: Date,
): Promise<number> {
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
    if (ids.length > 0) removed += await removeOf(store, rule, ids);
    // More of one millisecond than a batch: the ledger shrinks and so is read again.
    if (entries.length <= BATCH) {
      from = end;
      await advanceCheckpoint(store, name, new Date(from));
      sliceMs = Math.min(SLICE_MS.max, sliceMs * 4);
    }
  }
  return removed;
}

async function removeOf(store: Store, rule: RetentionRule, interventionIds: readonly string[]): Promise<number> {
  let removed = 0;
  for (const [collection, { ofInterventions }] of PERSONAL_COLLECTIONS)
    if (ofInterventions !== undefined && (rule.kind === LEDGER_KIND || collection === rule.collection))
      removed += await removeAll(store, collection, await ofInterventions(store, interventionIds));
  return removed;
}
