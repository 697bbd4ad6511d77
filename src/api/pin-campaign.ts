import { create } from "@bufbuild/protobuf";
import type { Campaign } from "../../gen/intervention/v1/campaign_pb.js";
import { JourneySchema, type JourneyStep, JourneyStepSchema } from "../../gen/intervention/v1/journey_pb.js";
import type { Store } from "../store/index.ts";
import { toPin } from "./template-use.ts";

/** Gives every use of a template in a campaign, its journey's steps included, the version that is in use now where it names none.
 *  @throws InvalidInput when a template can't be used, naming the field below `campaign`. */
export async function pinCampaign<T extends Pick<Campaign, "template" | "journey">>(
  store: Store,
  workspaceId: string,
  campaign: T,
): Promise<T> {
  const pin = toPin(store, workspaceId);
  const pinned = await pin(campaign, "campaign.template");
  if (campaign.journey === undefined) return pinned;
  const steps: JourneyStep[] = [];
  for (const [index, step] of campaign.journey.steps.entries()) {
    if (step.does.case !== "send") steps.push(step);
    else {
      const value = await pin(step.does.value, `campaign.journey.steps[${index}].send.template`);
      steps.push(create(JourneyStepSchema, { ...step, does: { case: "send", value } }));
    }
  }
  return { ...pinned, journey: create(JourneySchema, { ...campaign.journey, steps }) };
}
