import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { Logger } from "pino";
import { MissedPolicy, type Schedule } from "../../gen/intervention/v1/run_service_pb.js";
import { toRun } from "../accept/to-run.ts";
import { findDue, type Recurrence } from "../domain/schedule/due-times.ts";
import type { Workspace } from "../integrations/access-directory.ts";
import {
  advanceSchedule,
  findCampaign,
  insertFanOuts,
  listSchedulesDue,
  type ScheduleDocument,
  type Store,
  toCampaign,
  toSchedule,
} from "../store/index.ts";

/** What starting what is due stands on. */
export type RunSchedulesOptions = {
  readonly store: Store;
  readonly log: Logger;
  readonly defaultTimeZone: string;
  readonly now: () => Date;
};

/** What is later than this was missed: the engine was down. */
export const LATE_MS = 60_000;

/** Starts the runs that are due in each workspace. Any number may do this: a run's id is its schedule and due time, so that the first one
 *  makes it and the others find it there; only then does the schedule move on. */
export async function runSchedules(options: RunSchedulesOptions, workspaces: readonly Workspace[]): Promise<void> {
  for (const workspace of workspaces)
    for (const document of await listSchedulesDue(options.store, workspace.id, options.now()))
      await startDue(options, workspace, document);
}

async function startDue(options: RunSchedulesOptions, workspace: Workspace, document: ScheduleDocument): Promise<void> {
  const { store, log, now } = options;
  const { _id: scheduleId, nextAt } = document;
  if (nextAt === undefined) return;
  const schedule = toSchedule(document);
  const recurrence = toRecurrence(schedule, workspace.defaultTimeZone ?? options.defaultTimeZone);
  const { dueMs, missed, nextMs } = findDue(recurrence, nextAt.getTime(), now().getTime());
  if (dueMs === undefined) return;
  const lateMs = now().getTime() - dueMs;
  const isSkipped = lateMs > LATE_MS && schedule.missed === MissedPolicy.SKIP;
  const found = await findCampaign(store, workspace.id, schedule.campaign);
  if (found !== undefined) {
    const run = toRun({
      ...{ workspace, campaign: toCampaign(found), segmentId: schedule.segment, scheduleId, isSkipped },
      ...{ by: `schedule/${scheduleId}/${dueMs}`, dueAt: new Date(dueMs) },
      ...{ usersPerMinute: schedule.usersPerMinute, now: now() },
    });
    const isNew = (await insertFanOuts(store, [run])).size === 0;
    if (isNew && (missed > 0 || lateMs > LATE_MS))
      log.warn(
        { event: "run_missed", scheduleId, dueAt: new Date(dueMs), missed, isSkipped },
        isSkipped
          ? "a run was due while nobody was there, and is left out"
          : "a run was due while nobody was there, and is run late",
      );
  }
  await advanceSchedule(store, scheduleId, { from: nextAt, to: nextMs === undefined ? undefined : new Date(nextMs) });
}

/** When a schedule is due. One that says nothing never is. */
function toRecurrence({ when }: Schedule, timeZone: string): Recurrence {
  if (when.case === "recurring")
    return { kind: "cron", pattern: when.value.cron, timeZone: when.value.timeZone || timeZone };
  return { kind: "once", atMs: when.case === "at" ? timestampMs(when.value) : 0 };
}
