import { CampaignState } from "../../../gen/intervention/v1/campaign_pb.js";
import { type DecisionInput, Outcome } from "../../../gen/intervention/v1/decision_pb.js";
import { type Finding, pass, stop } from "./finding.ts";

/** Is the campaign that asked for it still running? Asked only of what a campaign asked for. */
export function askCampaignLive({ campaign, campaignState }: DecisionInput): Finding {
  const reason = `campaign "${campaign}" is ${CAMPAIGN_STATES[campaignState]}`;
  return campaignState === CampaignState.RUNNING ? pass(reason) : stop(reason, Outcome.SUPPRESS);
}

const CAMPAIGN_STATES = {
  [CampaignState.UNSPECIFIED]: "not known",
  [CampaignState.DRAFT]: "a draft",
  [CampaignState.RUNNING]: "running",
  [CampaignState.PAUSED]: "paused",
  [CampaignState.ARCHIVED]: "archived",
} as const;
