import { findHorizonMs, KINDS_WITH_OUTCOMES, type PlacedOrder, toOutcome } from "../domain/prediction/to-outcome.ts";
import type { Workspace } from "../integrations/access-directory.ts";
import {
  advanceCheckpoint,
  findCheckpoint,
  insertPredictionOutcomes,
  listPredictions,
  type PredictionDocument,
  type PredictionOutcomeDocument,
  type Store,
  toPrediction,
} from "../store/index.ts";

/** The orders of a user placed in [from, until]. */
export type FindOrders = (
  workspaceId: string,
  userId: string,
  from: Date,
  until: Date,
) => Promise<readonly PlacedOrder[]>;

const PAGE_MAX = 500;
/** Events may come late: an outcome is fixed this long after its horizon. */
const LATENESS_MS = 600_000;
/** The first look goes this far, each further one this many times as far: a server that sorts what it finds has little to sort. */
const LOOK_MS = 3_600_000;
const LOOK_FACTOR = 8;

/** Fixes the outcomes of the predictions whose horizon has ended since the last time, a page of each kind. Doing it again changes
 *  nothing: an outcome is kept once.
 *  @returns how many predictions were looked at. */
export async function fixOutcomes(
  { store, findOrders }: { readonly store: Store; readonly findOrders: FindOrders },
  { id: workspaceId, createdAt }: Pick<Workspace, "id" | "createdAt">,
  now: Date,
): Promise<number> {
  let count = 0;
  for (const kind of KINDS_WITH_OUTCOMES) {
    const horizonMs = findHorizonMs(kind) ?? 0;
    const name = `outcomes/${workspaceId}/${kind}`;
    const from = (await findCheckpoint(store, name)) ?? new Date(createdAt.getTime() - horizonMs);
    const end = new Date(now.getTime() - horizonMs - LATENESS_MS);
    const { page, until } = await findPage(store, { workspaceId, kind, from, end });
    const fixed = await Promise.all(page.map((one) => fix(one, { findOrders, horizonMs, now })));
    await insertPredictionOutcomes(store, fixed);
    if (until > from) await advanceCheckpoint(store, name, until);
    count += page.length;
  }
  return count;
}

/** The next predictions made in [from, end), and how far that page reaches. */
async function findPage(
  store: Store,
  whose: { readonly workspaceId: string; readonly kind: number; readonly from: Date; readonly end: Date },
): Promise<{ readonly page: readonly PredictionDocument[]; readonly until: Date }> {
  const { from, end } = whose;
  for (let span = LOOK_MS; from < end; span *= LOOK_FACTOR) {
    const until = new Date(Math.min(end.getTime(), from.getTime() + span));
    const page = await listPredictions(store, { ...whose, until, limit: PAGE_MAX });
    if (page.length === 0 && until < end) continue;
    const last = page.at(-1)?.predictedAt;
    if (page.length < PAGE_MAX || last === undefined) return { page, until };
    // The rest of that millisecond comes with the next page, unless it fills that too.
    return { page, until: last > from ? last : new Date(last.getTime() + 1) };
  }
  return { page: [], until: from };
}

async function fix(
  document: PredictionDocument,
  { findOrders, horizonMs, now }: { readonly findOrders: FindOrders; readonly horizonMs: number; readonly now: Date },
): Promise<PredictionOutcomeDocument> {
  const { _id, workspaceId, userId, kind, predictedAt } = document;
  const { model, modelVersion, productId, score } = toPrediction(document);
  const until = new Date(predictedAt.getTime() + horizonMs);
  const orders = await findOrders(workspaceId, userId, predictedAt, until);
  const outcome = toOutcome({ kind, productId, predictedAt }, orders);
  return { _id, workspaceId, kind, model, modelVersion, predictedAt, score, outcome, fixedAt: now };
}
