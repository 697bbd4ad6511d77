import { type Campaign, CampaignState } from "../../../gen/intervention/v1/campaign_pb.js";
import { type AudienceStanding, findNextRun, isSentOnce } from "./audience.ts";
import { findNextMove } from "./life-cycle.ts";

/** When somebody must look at a campaign next, ms since 1970: when time moves it, something of it is due, or it may be done.
 *  @returns undefined: never. */
export function findNextLook(
  campaign: Pick<Campaign, "state" | "startTime" | "expireTime" | "trigger">,
  standing: AudienceStanding,
): number | undefined {
  const moveMs = findNextMove(campaign) ?? Number.POSITIVE_INFINITY;
  const nextMs = Math.min(moveMs, findAudienceLook(campaign, standing) ?? Number.POSITIVE_INFINITY);
  return Number.isFinite(nextMs) ? nextMs : undefined;
}

function findAudienceLook(
  { state, trigger }: Pick<Campaign, "state" | "trigger">,
  standing: AudienceStanding,
): number | undefined {
  if (state !== CampaignState.RUNNING || trigger?.on.case !== "audience") return undefined;
  const audience = trigger.on.value;
  // What is sent once and is on its way is looked after until it is done.
  return findNextRun(audience, standing) ?? (isSentOnce(audience) ? standing.startedMs : undefined);
}
