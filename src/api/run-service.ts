import { randomBytes } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromDate, timestampMs } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { Binary } from "mongodb";
import { z } from "zod";
import { type Campaign, CampaignState } from "../../gen/intervention/v1/campaign_pb.js";
import {
  MissedPolicySchema,
  type Run,
  RunSchema,
  type RunService,
  RunState,
  type Schedule,
  ScheduleSchema,
} from "../../gen/intervention/v1/run_service_pb.js";
import { toRun } from "../accept/to-run.ts";
import { InvalidInput, NotAllowedNow, NotFound } from "../domain/errors.ts";
import { findNextDue, findPatternProblem, type Recurrence } from "../domain/schedule/due-times.ts";
import {
  cancelFanOut,
  deleteSchedule,
  type FanOutDocument,
  findCampaign,
  findFanOut,
  findSegment,
  insertFanOuts,
  insertSchedule,
  listRuns,
  listSchedules,
  PLACES,
  type ScheduleDocument,
  type Store,
  setRunPaused,
  toCampaign,
  toSchedule,
} from "../store/index.ts";
import { getService } from "./authenticate.ts";
import { parseCampaignName } from "./campaign-name.ts";
import { checked, memberOf, parseFields, text, timestamp, withoutControlCharacters } from "./field-checks.ts";
import { parseTimeZone } from "./figure-points.ts";
import { requireParent } from "./resource-name.ts";
import { parseSegmentName } from "./segment-name.ts";

/** What sending campaigns to segments works with. */
export type RunParts = { readonly store: Store; readonly defaultTimeZone: string; readonly now: () => Date };

const ID_BYTES = 10;
const USERS_PER_MINUTE_MAX = 1_000_000;
const usersPerMinute = z
  .int()
  .min(0, "it is negative")
  .max(USERS_PER_MINUTE_MAX, `it is more than ${USERS_PER_MINUTE_MAX}`);
const startSchema = z.object({
  requestId: checked(text({ min: 1, max: 128 }), withoutControlCharacters),
  usersPerMinute,
});
const scheduleSchema = z.object({
  schedule: z.object({
    usersPerMinute,
    missed: checked<Schedule["missed"]>(memberOf(MissedPolicySchema, { allowUnspecified: true })),
  }),
});

const STATES: Readonly<Record<FanOutDocument["state"], RunState>> = {
  running: RunState.RUNNING,
  paused: RunState.PAUSED,
  done: RunState.DONE,
  cancelled: RunState.CANCELLED,
  skipped: RunState.SKIPPED,
};

/** Sends campaigns to segments, now and when they are due. */
export function runService(parts: RunParts): ServiceImpl<typeof RunService> {
  const { store, now } = parts;
  const change = async (workspaceId: string, id: string, edit: (run: FanOutDocument) => Promise<void>) => {
    await edit(await getRun(store, workspaceId, id));
    return { run: toMessage(await getRun(store, workspaceId, id)) };
  };
  return {
    async startRun(request, context) {
      const { workspace } = getService(context.values);
      const { requestId, ...throttle } = parseFields(startSchema, request);
      const campaign = await getCampaign(
        store,
        workspace.id,
        parseCampaignName(request.campaign, workspace.id, "campaign"),
      );
      const segmentId = await getSegmentId(
        store,
        workspace.id,
        parseSegmentName(request.segment, workspace.id, "segment"),
      );
      if (campaign.state !== CampaignState.RUNNING)
        throw new NotAllowedNow("CAMPAIGN_STATE", campaign.campaignId, "the campaign is not running: resume it first");
      const at = now();
      const made = toRun({
        ...{ workspace, campaign, segmentId, dueAt: at, isSkipped: false, now: at, ...throttle },
        by: `request/${campaign.campaignId}/${requestId}`,
      });
      await insertFanOuts(store, [made]);
      return { run: toMessage(await getRun(store, workspace.id, made._id)) };
    },
    async getRun({ runId }, context) {
      return { run: toMessage(await getRun(store, getService(context.values).workspace.id, runId)) };
    },
    async listRuns(request, context) {
      const { workspace } = getService(context.values);
      const campaignId = parseCampaignName(request.campaign, workspace.id, "campaign");
      await getCampaign(store, workspace.id, campaignId);
      return { runs: (await listRuns(store, workspace.id, campaignId)).map(toMessage) };
    },
    pauseRun: ({ runId }, context) =>
      change(getService(context.values).workspace.id, runId, ({ _id }) => setRunPaused(store, _id, true)),
    resumeRun: ({ runId }, context) =>
      change(getService(context.values).workspace.id, runId, ({ _id }) => setRunPaused(store, _id, false)),
    cancelRun: ({ runId }, context) =>
      change(getService(context.values).workspace.id, runId, ({ _id }) => cancelFanOut(store, _id, now())),
    async createSchedule(request, context) {
      const { workspace } = getService(context.values);
      const given = request.schedule ?? create(ScheduleSchema);
      const fields = parseFields(scheduleSchema, { schedule: given }).schedule;
      const campaignId = parseCampaignName(given.campaign, workspace.id, "schedule.campaign");
      const segmentName = parseSegmentName(given.segment, workspace.id, "schedule.segment");
      const { campaignId: campaign } = await getCampaign(store, workspace.id, campaignId);
      const segment = await getSegmentId(store, workspace.id, segmentName);
      const at = now();
      const recurrence = parseWhen(given.when, workspace.defaultTimeZone ?? parts.defaultTimeZone);
      // What was to be at a time that has passed is due at once.
      const nextMs = recurrence.kind === "once" ? recurrence.atMs : findNextDue(recurrence, at.getTime());
      if (nextMs === undefined)
        throw new InvalidInput([{ field: "schedule.recurring.cron", description: "it is never due" }]);
      const scheduleId = randomBytes(ID_BYTES).toString("hex");
      const made = create(ScheduleSchema, {
        ...given,
        ...fields,
        scheduleId,
        campaign,
        segment,
        createTime: timestampFromDate(at),
      });
      const document = {
        ...{ _id: scheduleId, workspaceId: workspace.id, nextAt: new Date(nextMs) },
        schedule: new Binary(toBinary(ScheduleSchema, made)),
      };
      await insertSchedule(store, document);
      return { schedule: toScheduleMessage(document) };
    },
    async listSchedules({ parent }, context) {
      const { workspace } = getService(context.values);
      requireParent(parent, workspace.id);
      return { schedules: (await listSchedules(store, workspace.id)).map(toScheduleMessage) };
    },
    async deleteSchedule({ scheduleId }, context) {
      const { workspace } = getService(context.values);
      if (!(await deleteSchedule(store, workspace.id, scheduleId))) throw new NotFound("schedule", scheduleId);
      return {};
    },
  };
}

/** @throws NotFound */
async function getRun(store: Store, workspaceId: string, id: string): Promise<FanOutDocument> {
  const found = id === "" ? undefined : await findFanOut(store, workspaceId, id);
  if (found?.run === undefined) throw new NotFound("run", id);
  return found;
}

/** @throws NotFound */
async function getCampaign(store: Store, workspaceId: string, campaignId: string): Promise<Campaign> {
  const found = await findCampaign(store, workspaceId, campaignId);
  if (found === undefined) throw new NotFound("campaign", campaignId);
  return toCampaign(found);
}

/** @throws NotFound; NotAllowedNow when nobody enters it any more. */
async function getSegmentId(store: Store, workspaceId: string, segmentId: string): Promise<string> {
  const found = await findSegment(store, { workspaceId, segmentId });
  if (found === undefined) throw new NotFound("segment", segmentId);
  if (found.archived) throw new NotAllowedNow("SEGMENT_STATE", segmentId, "the segment is archived: name another one");
  return segmentId;
}

/** @throws InvalidInput */
function parseWhen(when: Schedule["when"], fallbackTimeZone: string): Recurrence {
  if (when.case === "at") {
    const problem = timestamp(when.value);
    if (problem !== undefined) throw new InvalidInput([{ field: "schedule.at", description: problem }]);
    return { kind: "once", atMs: timestampMs(when.value) };
  }
  if (when.case === undefined)
    throw new InvalidInput([
      { field: "schedule.at", description: "it is missing, and so is recurring: one is needed" },
    ]);
  const problem = findPatternProblem(when.value.cron);
  if (problem !== undefined) throw new InvalidInput([{ field: "schedule.recurring.cron", description: problem }]);
  const timeZone = parseTimeZone(when.value.timeZone, fallbackTimeZone, "schedule.recurring.time_zone");
  return { kind: "cron", pattern: when.value.cron, timeZone };
}

function toMessage({ _id, run, ...document }: FanOutDocument): Run {
  const { state, acceptedCount, failedCount, cursor, createdAt, endedAt, pass = 0 } = document;
  const passes = run?.wall?.passes.length ?? 1;
  return create(RunSchema, {
    ...{ runId: _id, campaign: run?.campaignId ?? "", segment: run?.segmentId ?? "", schedule: run?.scheduleId ?? "" },
    ...{ state: STATES[state], acceptedCount: BigInt(acceptedCount), failedCount: BigInt(failedCount) },
    ...{ progress: state === "done" ? 1 : (pass + cursor / PLACES) / passes, createTime: timestampFromDate(createdAt) },
    ...(run === undefined ? {} : { dueTime: timestampFromDate(run.dueAt), localTime: run.wall?.wallTime ?? "" }),
    ...(endedAt === undefined ? {} : { endTime: timestampFromDate(endedAt) }),
  });
}

function toScheduleMessage(document: ScheduleDocument): Schedule {
  const schedule = toSchedule(document);
  const nextTime: Timestamp | undefined =
    document.nextAt === undefined ? undefined : timestampFromDate(document.nextAt);
  return create(ScheduleSchema, { ...schedule, ...(nextTime === undefined ? {} : { nextTime }) });
}
