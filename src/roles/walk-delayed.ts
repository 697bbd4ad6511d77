import { create } from "@bufbuild/protobuf";
import { InterventionMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import { PackedPublisher, toInterventionItem } from "../bus/index.ts";
import type { Workspace } from "../integrations/access-directory.ts";
import {
  advanceCheckpoint,
  type DecisionDocument,
  decisionId,
  findCheckpoint,
  findDecisionOutlines,
  findInterventions,
  listDelaysDue,
  toInterventionMessage,
} from "../store/index.ts";
import type { Walk, WalkOptions } from "./walk.ts";

const PAGE_MAX = 1_000;
/** Delays that end at the same time can be more than a page, and one that was decided late is seen again. */
const OVERLAP_MS = 60_000;
/** What was not decided again by then lies in the dead letters: nothing waits for it here. */
const GIVE_UP_MS = 3_600_000;

/** Follows what was delayed: one that did not come back when its time had come is put on the stream, and what it then was sent as
 *  is swept like everything else.
 *  @returns how many were put on the stream. */
export async function walkDelayed(
  options: WalkOptions,
  walk: Walk,
  { id: workspaceId, createdAt }: Pick<Workspace, "id" | "createdAt">,
  now: Date,
): Promise<number> {
  const { store, undecidedAfterMs, undeliveredAfterMs } = options;
  const name = `delayed/${workspaceId}`;
  const until = new Date(now.getTime() - Math.min(undecidedAfterMs, undeliveredAfterMs));
  const from = new Date(((await findCheckpoint(store, name)) ?? createdAt).getTime() - OVERLAP_MS);
  const due = await listDelaysDue(store, { workspaceId, from, until, limit: PAGE_MAX });
  if (due.length === 0) return 0;
  const next = await findDecisionOutlines(
    store,
    due.map(({ interventionId, round }) => decisionId(interventionId, round + 1)),
  );
  const decided = new Set(next.map(({ _id }) => _id));
  const overdue = due.filter(({ interventionId, round }) => !decided.has(decisionId(interventionId, round + 1)));
  const isSettled = await walk.sweep(next, now);
  const lost = overdue.filter(({ notBefore }) => (notBefore?.getTime() ?? 0) < now.getTime() - undecidedAfterMs);
  await decideAgain(options, workspaceId, lost);
  const last = due.at(-1)?.notBefore;
  const isWaitedFor = overdue.some(({ notBefore }) => (notBefore?.getTime() ?? 0) > now.getTime() - GIVE_UP_MS);
  if (!isWaitedFor && isSettled && last !== undefined) await advanceCheckpoint(store, name, last);
  return lost.length;
}

async function decideAgain(
  { bus, log, metrics, store }: WalkOptions,
  workspaceId: string,
  lost: readonly DecisionDocument[],
): Promise<void> {
  if (lost.length === 0) return;
  const ledger = new Map(
    (
      await findInterventions(
        store,
        workspaceId,
        lost.map(({ interventionId }) => interventionId),
      )
    ).map((entry) => [entry._id, entry]),
  );
  await new PackedPublisher(bus).publish(
    lost.flatMap(({ interventionId, round }) => {
      const entry = ledger.get(interventionId);
      if (entry === undefined) return [];
      const message = create(InterventionMessageSchema, { ...toInterventionMessage(entry), round: round + 1 });
      return [toInterventionItem(bus.subjects, message)];
    }),
  );
  metrics.reconciled.inc(lost.length);
  log.error(
    { event: "delayed_missing", count: lost.length, first: lost[0]?.interventionId },
    "delayed interventions did not come back in time and were put on the stream",
  );
}
