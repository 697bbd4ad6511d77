import { findOldestWaitingMs, PackedPublisher, toInterventionItem } from "../bus/index.ts";
import {
  decisionId,
  findDecidedIds,
  findInterventions,
  type InterventionDocument,
  toInterventionMessage,
} from "../store/index.ts";
import { DECIDERS } from "./decide.ts";
import type { WalkOptions } from "./walk.ts";

type LedgerEntry = Pick<InterventionDocument, "_id" | "acceptedAt">;

/** Whose messages may be missing. */
export type Undecided = { readonly workspaceId: string; readonly entries: readonly LedgerEntry[]; readonly now: Date };

/** What is in the ledger is on the stream within this time, or its caller was told that it may not be. */
const PUBLISHED_WITHIN_MS = 20_000;
/** After this many times the waiting time it is put on the stream again even if it seems to be there: at worst it is decided already. */
const LATE_FACTOR = 10;

/** Puts accepted interventions without a decision on the stream again, unless the stream still has them and deciding is merely
 *  behind.
 *  @returns how many were. */
export async function publishAgain(
  { undecidedAfterMs, bus, log, metrics, store }: WalkOptions,
  { workspaceId, entries, now }: Undecided,
): Promise<number> {
  if (entries.length === 0) return 0;
  const oldest = await findOldestWaitingMs(bus, DECIDERS);
  // What still waits there was put there after the ledger had it, and is no older than the oldest that waits.
  const gone = entries.filter(
    ({ acceptedAt }) =>
      oldest > acceptedAt.getTime() + PUBLISHED_WITHIN_MS ||
      acceptedAt.getTime() < now.getTime() - undecidedAfterMs * LATE_FACTOR,
  );
  if (gone.length === 0) return 0;
  const decided = await findDecidedIds(
    store,
    gone.map(({ _id }) => decisionId(_id, 0)),
  );
  const missing = await findInterventions(
    store,
    workspaceId,
    gone.filter(({ _id }) => !decided.has(decisionId(_id, 0))).map(({ _id }) => _id),
  );
  if (missing.length === 0) return 0;
  await new PackedPublisher(bus).publish(
    missing.map((entry) => toInterventionItem(bus.subjects, toInterventionMessage(entry))),
  );
  metrics.reconciled.inc(missing.length);
  log.error(
    { event: "accepted_missing", count: missing.length, first: missing[0]?._id },
    "accepted interventions were missing from the stream and were put on it again",
  );
  return missing.length;
}
