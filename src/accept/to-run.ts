import { createHash } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import type { Campaign } from "../../gen/intervention/v1/campaign_pb.js";
import { ContentSchema, PolicySchema, RecipientSchema } from "../../gen/intervention/v1/intervention_pb.js";
import type { Workspace } from "../integrations/access-directory.ts";
import type { FanOutDocument } from "../store/index.ts";
import { toFanOut } from "./to-fan-out.ts";

const ID_CHARACTERS = 26;

/** A run of a campaign at its beginning: a fan-out to a segment. Its id follows from what started it, so that the same due time, and the same
 *  request, is one run.
 *  @param options.by `schedule/{schedule}/{due}`, `request/{campaign}/{request}` or `campaign/{campaign}/{due}`.
 *  @param options.wall when users' own clocks show the time that they are reached at, and the first of these moments that counts. */
export function toRun(options: {
  readonly workspace: Workspace;
  readonly campaign: Campaign;
  readonly segmentId: string;
  readonly by: string;
  readonly scheduleId?: string | undefined;
  readonly dueAt: Date;
  readonly usersPerMinute: number;
  readonly rampUp?: Duration | undefined;
  readonly wall?: { readonly wallTime: string; readonly passes: readonly number[]; readonly pass: number } | undefined;
  readonly isSkipped: boolean;
  readonly now: Date;
}): FanOutDocument {
  const { workspace, campaign, segmentId, by, scheduleId, dueAt, usersPerMinute, rampUp, wall, isSkipped, now } =
    options;
  const { ttl } = campaign;
  const fanOut = toFanOut({
    ...{ workspace, topic: "", now },
    trigger: {
      idempotencyKey: `run:${by}`,
      // Whose it is does not matter here.
      recipient: create(RecipientSchema),
      content: campaign.content ?? create(ContentSchema),
      ...(campaign.template === undefined ? {} : { template: campaign.template }),
      ...{ campaign: campaign.campaignId, priority: campaign.priority },
      policy: campaign.policy ?? create(PolicySchema),
      expiration: ttl === undefined ? { kind: "never" } : { kind: "after", ttlMs: durationMs(ttl) },
    },
  });
  return {
    ...fanOut,
    _id: toRunId(workspace.id, by),
    run: {
      ...{ campaignId: campaign.campaignId, segmentId, dueAt },
      ...(scheduleId === undefined ? {} : { scheduleId }),
      ...(usersPerMinute === 0 ? {} : { usersPerMinute }),
      ...(rampUp === undefined ? {} : { rampUpMs: durationMs(rampUp) }),
      ...(wall === undefined ? {} : { wall: { wallTime: wall.wallTime, passes: wall.passes } }),
    },
    ...(wall === undefined ? {} : { pass: Math.max(0, wall.pass) }),
    ...(isSkipped ? { state: "skipped", endedAt: now } : {}),
  };
}

/** The id of the run that something starts. */
export const toRunId = (workspaceId: string, by: string): string =>
  createHash("sha256").update(`${workspaceId}\0${by}`).digest("hex").slice(0, ID_CHARACTERS);
