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
  listFallbacksDue,
  toDecisionInput,
  toInterventionMessage,
} from "../store/index.ts";
import type { Walk, WalkOptions } from "./walk.ts";

const PAGE_MAX = 1_000;
/** Delays that end at the same time can be more than a page, and one that was decided late is seen again. */
const OVERLAP_MS = 60_000;
/** What was not decided again by then lies in the dead letters: nothing waits for it here. */
const GIVE_UP_MS = 3_600_000;

/** What is decided again at its time. */
type Due = {
  readonly name: string;
  readonly list: typeof listDelaysDue;
  readonly dueAt: (document: DecisionDocument) => Date | undefined;
  /** Which fallback the next round is for. */
  readonly toFallback: (document: DecisionDocument) => number;
};
const DELAYS: Due = {
  name: "delayed",
  list: listDelaysDue,
  dueAt: ({ notBefore }) => notBefore,
  toFallback: ({ fallback = 0 }) => fallback,
};
const FALLBACKS: Due = {
  name: "fallbacks",
  list: listFallbacksDue,
  dueAt: ({ fallbackAt }) => fallbackAt,
  toFallback: ({ fallback = 0 }) => fallback + 1,
};

/** Follows what was delayed, and what is followed by a fallback: one that did not come back when its time had come is put on the
 *  stream, and what it then was sent as is swept like everything else.
 *  @returns how many were put on the stream. */
export async function walkDelayed(
  options: WalkOptions,
  walk: Walk,
  workspace: Pick<Workspace, "id" | "createdAt">,
  now: Date,
): Promise<number> {
  return (
    (await walkDue(DELAYS, options, { walk, workspace, now })) +
    (await walkDue(FALLBACKS, options, { walk, workspace, now }))
  );
}

async function walkDue(
  due: Due,
  options: WalkOptions,
  place: { readonly walk: Walk; readonly workspace: Pick<Workspace, "id" | "createdAt">; readonly now: Date },
): Promise<number> {
  const { store, undecidedAfterMs, undeliveredAfterMs } = options;
  const { walk, now } = place;
  const { id: workspaceId, createdAt } = place.workspace;
  const name = `${due.name}/${workspaceId}`;
  const until = new Date(now.getTime() - Math.min(undecidedAfterMs, undeliveredAfterMs));
  const from = new Date(((await findCheckpoint(store, name)) ?? createdAt).getTime() - OVERLAP_MS);
  const page = await due.list(store, { workspaceId, from, until, limit: PAGE_MAX });
  if (page.length === 0) return 0;
  const next = await findDecisionOutlines(
    store,
    page.map(({ interventionId, round }) => decisionId(interventionId, round + 1)),
  );
  const decided = new Set(next.map(({ _id }) => _id));
  const overdue = page.filter(({ interventionId, round }) => !decided.has(decisionId(interventionId, round + 1)));
  const isSettled = await walk.sweep(next, now);
  const toMs = (document: DecisionDocument) => due.dueAt(document)?.getTime() ?? 0;
  const lost = overdue.filter((document) => toMs(document) < now.getTime() - undecidedAfterMs);
  await decideAgain(options, workspaceId, { lost, toFallback: due.toFallback });
  const last = page.at(-1);
  const isWaitedFor = overdue.some((document) => toMs(document) > now.getTime() - GIVE_UP_MS);
  if (!isWaitedFor && isSettled && last !== undefined) await advanceCheckpoint(store, name, new Date(toMs(last)));
  return lost.length;
}

async function decideAgain(
  { bus, log, metrics, store }: WalkOptions,
  workspaceId: string,
  { lost, toFallback }: { readonly lost: readonly DecisionDocument[] } & Pick<Due, "toFallback">,
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
    lost.flatMap((document) => {
      const entry = ledger.get(document.interventionId);
      if (entry === undefined) return [];
      const message = create(InterventionMessageSchema, {
        ...toInterventionMessage(entry),
        ...{ round: document.round + 1, fallback: toFallback(document) },
        // A later round is as the first one was.
        experiments: document.inExperiment === undefined ? [] : (toDecisionInput(document)?.experiments ?? []),
      });
      return [toInterventionItem(bus.subjects, message)];
    }),
  );
  metrics.reconciled.inc(lost.length);
  log.error(
    { event: "delayed_missing", count: lost.length, first: lost[0]?.interventionId },
    "interventions to be decided again did not come back in time and were put on the stream",
  );
}
