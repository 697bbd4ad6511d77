import { CampaignState } from "../../../gen/intervention/v1/campaign_pb.js";
import { type DecisionInput, Outcome } from "../../../gen/intervention/v1/decision_pb.js";
import { toStateName } from "../campaign/life-cycle.ts";
import { type Finding, pass, stop } from "./finding.ts";

/** Is the campaign that asked for it still running, or has it come to its end by itself? Asked only of what a campaign asked for. */
export function askCampaignLive({ campaign, campaignState }: DecisionInput): Finding {
  const reason = `campaign "${campaign}" is ${toStateName(campaignState)}`;
  const isLive = campaignState === CampaignState.RUNNING || campaignState === CampaignState.COMPLETED;
  return isLive ? pass(reason) : stop(reason, Outcome.SUPPRESS);
}
