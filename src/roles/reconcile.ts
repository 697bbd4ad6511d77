import { create } from "@bufbuild/protobuf";
import type { Logger } from "pino";
import { InterventionMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import { Priority } from "../../gen/intervention/v1/intervention_pb.js";
import { BatchPublisher, type Bus } from "../bus/index.ts";
import type { Metrics } from "../observe/index.ts";
import { advanceCheckpoint, decisionId, findCheckpoint, findDecidedIds, findInterventions, type InterventionDocument, listAcceptedBetween, listDelaysDue, type Store, toInterventionMessage } from "../store/index.ts";
import { toBody } from "./decide.ts";

/** What reconciling stands on. */
export type ReconcileOptions = { readonly bus: Bus; readonly store: Store; readonly metrics: Metrics; readonly log: Logger; readonly afterMs: number };

const PAGE_MAX = 1_000;
/** Pages of one walk; the next one goes on from there. */
const PAGES_MAX = 50;
/** A clock that runs behind may put something into the ledger a little before what was already walked past. */
const OVERLAP_MS = 60_000;
/** What is in the ledger is on the stream within this time, or its caller was told that it may not be. */
const PUBLISHED_WITHIN_MS = 20_000;
/** After this many times the waiting time it is put on the stream again even if it seems to be there: at worst it is decided already. */
const LATE_FACTOR = 10;

export const PRIORITY_NAMES = { [Priority.UNSPECIFIED]: "normal", [Priority.LOW]: "low", [Priority.NORMAL]: "normal", [Priority.HIGH]: "high" } as const;

/** Compares the ledger of what was accepted with what was decided, and puts what has no decision on the stream again: a broker
 *  can lose what it has synced, to a flipped bit or a truncated file. The walk goes forward in time and never passes anything undecided.
 *  @returns how many were put on the stream again. */
export async function reconcileAccepted(options: ReconcileOptions, workspaceId: string, now: Date): Promise<number> {
  const { store } = options;
  const name = `accepted/${workspaceId}`;
  const until = new Date(now.getTime() - options.afterMs);
  let from = new Date(((await findCheckpoint(store, name))?.getTime() ?? OVERLAP_MS) - OVERLAP_MS);
  let missing = 0;
  let isPassable = true;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const entries = await listAcceptedBetween(store, { workspaceId, from, until, limit: PAGE_MAX });
    const undecided = await findUndecided(store, entries);
    missing += await publishAgain(options, undecided, now);
    isPassable &&= undecided.length === 0;
    const last = entries.at(-1);
    if (last === undefined || entries.length < PAGE_MAX) {
      if (isPassable) await advanceCheckpoint(store, name, until);
      break;
    }
    // A page can hold nothing but entries of one millisecond: the walk then takes the next one, and comes back by its overlap.
    from = last.acceptedAt.getTime() === from.getTime() ? new Date(from.getTime() + 1) : last.acceptedAt;
    if (isPassable) await advanceCheckpoint(store, name, from);
  }
  return missing;
}

async function findUndecided(store: Store, entries: readonly InterventionDocument[]): Promise<InterventionDocument[]> {
  if (entries.length === 0) return [];
  const decided = await findDecidedIds(store, entries.map(({ _id }) => decisionId(_id, 0)));
  return entries.filter(({ _id }) => !decided.has(decisionId(_id, 0)));
}

async function publishAgain({ afterMs, bus, log, metrics, store }: ReconcileOptions, entries: readonly InterventionDocument[], now: Date): Promise<number> {
  if (entries.length === 0) return 0;
  const { state } = await bus.jsm.streams.info(bus.subjects.stream("INTERVENTIONS"));
  const oldest = state.messages === 0 ? Number.POSITIVE_INFINITY : Date.parse(state.first_ts);
  // Behind rather than lost: what the stream still holds was put there after the ledger had it, and is no older than its oldest.
  const gone = entries.filter(({ acceptedAt }) => oldest > acceptedAt.getTime() + PUBLISHED_WITHIN_MS || acceptedAt.getTime() < now.getTime() - afterMs * LATE_FACTOR);
  const stillUndecided = await findUndecided(store, gone);
  if (stillUndecided.length === 0) return 0;
  const publisher = new BatchPublisher(bus);
  // Without a message id: the broker would take the very message that it has lost for a duplicate.
  await publisher.publishAll(
    stillUndecided.map((entry) => {
      const message = toInterventionMessage(entry);
      return { subject: bus.subjects.intervention(message.workspace, PRIORITY_NAMES[message.priority]), data: toBody(message) };
    }),
  );
  metrics.reconciled.inc(stillUndecided.length);
  log.error({ event: "accepted_missing", count: stillUndecided.length, first: stillUndecided[0]?._id }, "accepted interventions were missing from the stream and were put on it again");
  return stillUndecided.length;
}

/** The same for delays: one whose time has come and that was not decided again is decided now.
 *  @returns how many were put on the stream again. */
export async function reconcileDelayed(options: ReconcileOptions, workspaceId: string, now: Date): Promise<number> {
  const { bus, log, metrics, store } = options;
  const name = `delayed/${workspaceId}`;
  const until = new Date(now.getTime() - options.afterMs);
  const from = new Date(((await findCheckpoint(store, name))?.getTime() ?? OVERLAP_MS) - OVERLAP_MS);
  const due = await listDelaysDue(store, { workspaceId, from, until, limit: PAGE_MAX });
  const decided = await findDecidedIds(store, due.map(({ interventionId, round }) => decisionId(interventionId, round + 1)));
  const overdue = due.filter(({ interventionId, round }) => !decided.has(decisionId(interventionId, round + 1)));
  const ledger = new Map((await findInterventions(store, workspaceId, overdue.map(({ interventionId }) => interventionId))).map((entry) => [entry._id, entry]));
  const publisher = new BatchPublisher(bus);
  await publisher.publishAll(
    overdue.flatMap(({ interventionId, round }) => {
      const entry = ledger.get(interventionId);
      if (entry === undefined) return [];
      const message = create(InterventionMessageSchema, { ...toInterventionMessage(entry), round: round + 1 });
      return [{ subject: bus.subjects.intervention(workspaceId, PRIORITY_NAMES[message.priority]), data: toBody(message) }];
    }),
  );
  if (overdue.length > 0) {
    metrics.reconciled.inc(overdue.length);
    log.error({ event: "delayed_missing", count: overdue.length, first: overdue[0]?.interventionId }, "delayed interventions did not come back in time and were put on the stream again");
  } else await advanceCheckpoint(store, name, due.length < PAGE_MAX ? until : (due.at(-1)?.notBefore ?? from));
  return overdue.length;
}
