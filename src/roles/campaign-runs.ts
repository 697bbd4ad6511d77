import type { Logger } from "pino";
import type { Audience, Campaign } from "../../gen/intervention/v1/campaign_pb.js";
import { MissedPolicy } from "../../gen/intervention/v1/run_service_pb.js";
import { toRun, toRunId } from "../accept/to-run.ts";
import { type DueRun, findDueRun, isSentOnce } from "../domain/campaign/audience.ts";
import { findNextLook } from "../domain/campaign/next-look.ts";
import { toWallText, toZoneTimes } from "../domain/campaign/wall-time.ts";
import type { AccessDirectory, Workspace } from "../integrations/access-directory.ts";
import {
  advanceCampaign,
  type CampaignDocument,
  findFanOut,
  insertFanOuts,
  type Store,
  toStanding,
} from "../store/index.ts";
import { LATE_MS } from "./run-schedules.ts";

/** What sending campaigns to audiences stands on. */
export type CampaignRunsOptions = {
  readonly store: Store;
  readonly access: Pick<AccessDirectory, "findWorkspace">;
  readonly log: Logger;
  readonly now: () => Date;
};

/** What is on its way is looked after this often. */
const PROGRESS_MS = 1_000;
const TIME_ZONES = Intl.supportedValuesOf("timeZone");

/** Starts the run of a campaign's audience that is due, if one is.
 *  @returns `done` when the campaign was sent once, and everybody was dealt with. */
export async function tendAudience(
  options: CampaignRunsOptions,
  document: CampaignDocument,
  campaign: Campaign,
): Promise<"done" | "open"> {
  const { access, now, store } = options;
  const { on } = campaign.trigger ?? {};
  const workspace = access.findWorkspace(document.workspaceId);
  const at = now();
  let { handledAt } = document;
  if (on?.case === "audience" && workspace !== undefined) {
    const audience = on.value;
    const due = findDueRun(audience, toStanding(document), at.getTime());
    if (due !== undefined) {
      await startRun(options, { workspace, campaign, audience, due, startedAt: document.startedAt ?? at, at });
      handledAt = new Date(due.dueMs);
    } else if (isSentOnce(audience) && handledAt !== undefined) {
      const run = await findFanOut(store, workspace.id, toRunId(workspace.id, toReason(campaign, handledAt.getTime())));
      if (run === undefined || !(run.state === "running" || run.state === "paused")) return "done";
    }
  }
  const nextMs = findNextLook(campaign, toStanding({ ...document, handledAt }));
  const nextAt = nextMs === undefined ? {} : { nextAt: new Date(Math.max(nextMs, at.getTime() + PROGRESS_MS)) };
  await advanceCampaign(store, document, { ...nextAt, ...(handledAt === undefined ? {} : { handledAt }) });
  return "open";
}

/** What starts a run: the same due time is the same run. */
const toReason = ({ campaignId }: Campaign, dueMs: number) => `campaign/${campaignId}/${dueMs}`;

async function startRun(
  { store, log }: CampaignRunsOptions,
  given: {
    readonly workspace: Workspace;
    readonly campaign: Campaign;
    readonly audience: Audience;
    readonly due: DueRun;
    readonly startedAt: Date;
    readonly at: Date;
  },
): Promise<void> {
  const { workspace, campaign, audience, due, startedAt, at } = given;
  // What is due at once is due when the campaign begins to run.
  const dueMs = audience.when.case === undefined ? startedAt.getTime() : due.dueMs;
  const lateMs = at.getTime() - LATE_MS;
  const isSkipping = audience.missed === MissedPolicy.SKIP;
  // Where the time of day had passed before a recurring campaign began to run, it is not due today.
  const fromMs = Math.max(isSkipping ? lateMs : 0, isSentOnce(audience) ? 0 : startedAt.getTime());
  const wall = due.wallMs === undefined ? undefined : toWall(due.wallMs, fromMs);
  const isSkipped = wall === undefined ? isSkipping && dueMs < lateMs : wall.pass < 0;
  const run = toRun({
    ...{ workspace, campaign, segmentId: audience.segment, by: toReason(campaign, due.dueMs), dueAt: new Date(dueMs) },
    ...{ usersPerMinute: audience.usersPerMinute, rampUp: audience.rampUp, wall, isSkipped, now: at },
  });
  const isNew = (await insertFanOuts(store, [run])).size === 0;
  if (isNew && (due.missed > 0 || isSkipped || (wall === undefined && dueMs < lateMs)))
    log.warn(
      { event: "run_missed", campaignId: campaign.campaignId, dueAt: run.run?.dueAt, missed: due.missed, isSkipped },
      isSkipped
        ? "a run was due while nobody was there, and is left out"
        : "a run was due while nobody was there, and is run late",
    );
}

/** Users' own clocks show a time at these moments, and the first of them that is still to be kept; -1: none is. */
function toWall(wallMs: number, fromMs: number) {
  const passes = toZoneTimes(wallMs, TIME_ZONES);
  return { wallTime: toWallText(wallMs), passes, pass: passes.findIndex((ms) => ms >= fromMs) };
}
