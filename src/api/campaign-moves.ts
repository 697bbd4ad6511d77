import { create } from "@bufbuild/protobuf";
import { type Timestamp, timestampDate, timestampFromDate, timestampMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { type Campaign, CampaignState, ReviewRule, ReviewSchema } from "../../gen/intervention/v1/campaign_pb.js";
import type { CampaignService } from "../../gen/intervention/v1/campaign_service_pb.js";
import { type CampaignMove, moveCampaign } from "../domain/campaign/life-cycle.ts";
import { InvalidInput, NotAllowedNow } from "../domain/errors.ts";
import type { CampaignKeeper } from "../integrations/campaign-keeper.ts";
import { getService } from "./authenticate.ts";
import { parseCampaignName } from "./campaign-name.ts";
import { timestamp } from "./field-checks.ts";

type Moves = "submit" | "approve" | "returnToDraft" | "schedule" | "pause" | "resume" | "complete" | "archive";
type Named = { readonly name: string };
type Edit = (campaign: Campaign, from: CampaignState, actor: string) => void;

/** The methods that move campaigns from state to state. */
export function campaignMoves({
  keeper,
  now,
}: {
  readonly keeper: CampaignKeeper;
  readonly now: () => Date;
}): Pick<ServiceImpl<typeof CampaignService>, Moves> {
  const move =
    (one: CampaignMove, edit?: Edit) =>
    async ({ name }: Named, { values }: HandlerContext) => {
      const { workspace, actor } = getService(values);
      const id = parseCampaignName(name, workspace.id);
      const campaign = await keeper.change(workspace.id, id, "", (current) => {
        const moved = moveCampaign(current, one);
        if ("refusal" in moved) throw new NotAllowedNow("CAMPAIGN_STATE", id, moved.refusal);
        const from = current.state;
        current.state = moved.state;
        edit?.(current, from, actor);
      });
      return { campaign };
    };
  return {
    submit: move("submit", (campaign, from, submitter) => {
      if (from === CampaignState.DRAFT)
        campaign.review = create(ReviewSchema, { submitter, submitTime: timestampFromDate(now()) });
    }),
    approve: move("approve", (campaign, from, approver) => {
      if (from === CampaignState.REVIEW) approve(campaign, approver, now());
    }),
    returnToDraft: move("return", (campaign) => {
      delete campaign.review;
    }),
    schedule: (request, context) =>
      move("schedule", (campaign) => setStartTime(campaign, request.startTime))(request, context),
    pause: move("pause"),
    resume: move("resume", (campaign) => requireTimeLeft(campaign, now())),
    complete: move("complete"),
    archive: move("archive"),
  };
}

/** @throws NotAllowedNow when it has to be somebody else. */
function approve(campaign: Campaign, approver: string, at: Date): void {
  const { campaignId, review, reviewRule } = campaign;
  if (reviewRule === ReviewRule.BY_ANOTHER && review?.submitter === approver)
    throw new NotAllowedNow("CAMPAIGN_REVIEW", campaignId, `${approver} has submitted it: another one must approve it`);
  campaign.review = Object.assign(review ?? create(ReviewSchema), { approver, approveTime: timestampFromDate(at) });
}

/** @throws NotAllowedNow when it would be completed at once. */
function requireTimeLeft({ campaignId, expireTime }: Campaign, at: Date): void {
  if (expireTime === undefined || timestampDate(expireTime) > at) return;
  const ended = timestampDate(expireTime).toISOString();
  throw new NotAllowedNow("CAMPAIGN_TIME", campaignId, `its expire_time, ${ended}, has passed: set another one first`);
}

/** @throws InvalidInput when it would end before it began, or never begin. */
function setStartTime(campaign: Campaign, given: Timestamp | undefined): void {
  const startTime = given ?? campaign.startTime;
  const refuse = (description: string) => new InvalidInput([{ field: "start_time", description }]);
  if (startTime === undefined) throw refuse("it is missing, and the campaign has none: say when it begins");
  const problem = timestamp(startTime);
  if (problem !== undefined) throw refuse(problem);
  if (campaign.expireTime !== undefined && timestampMs(startTime) >= timestampMs(campaign.expireTime))
    throw refuse("it is not before the campaign's expire_time");
  campaign.startTime = startTime;
}
