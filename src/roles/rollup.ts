import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import { toSpan } from "../domain/analytics/span.ts";
import type { AccessDirectory } from "../integrations/access-directory.ts";
import type { Metrics } from "../observe/index.ts";
import { claimLease, deleteSliceMarks, listSliceMarks, reckon, type Store } from "../store/index.ts";
import { AlarmGauge } from "./alarm-gauge.ts";
import { startLoop } from "./start-loop.ts";

/** What reckoning figures stands on. */
export type RollupOptions = {
  readonly store: Store;
  readonly log: Logger;
  readonly access: Pick<AccessDirectory, "workspaces">;
  readonly metrics: Pick<Metrics, "alarms">;
  readonly now: () => Date;
};

const PAUSE_MS = 500;
const LEASE_MS = 10_000;
/** A slice is reckoned when it is over and what happened at its end has had this long to come; what comes later has it reckoned again. */
const SETTLE_MS = 1_000;
const MARKS_MAX = 2_000;
const SLICES_AT_ONCE = 120;

/** Reckons the figures of spans that have changed. Any number may run: of each workspace one does it, and when it dies another one goes
 *  on within ten seconds. */
export function startRollup(options: RollupOptions): AsyncDisposable {
  const holder = randomUUID();
  const alarms = new AlarmGauge(options);
  return startLoop("rollup", PAUSE_MS, options.log, async () => {
    for (const workspace of options.access.workspaces()) {
      const { id } = workspace;
      const now = new Date();
      const until = new Date(now.getTime() + LEASE_MS);
      if (await claimLease(options.store, `rollup/${id}`, { holder, now, until })) {
        await rollUp(options, id);
        await alarms.look(workspace);
      } else alarms.leave(id);
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
