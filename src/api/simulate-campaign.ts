import { create } from "@bufbuild/protobuf";
import { z } from "zod";
import { type Campaign, CampaignSchema } from "../../gen/intervention/v1/campaign_pb.js";
import type { SimulateCampaignRequest } from "../../gen/intervention/v1/campaign_service_pb.js";
import type { Simulation } from "../../gen/intervention/v1/simulation_pb.js";
import { InvalidInput, NotAllowedNow } from "../domain/errors.ts";
import type { Workspace } from "../integrations/access-directory.ts";
import type { CampaignKeeper } from "../integrations/campaign-keeper.ts";
import { type Store, toCampaign } from "../store/index.ts";
import { parseCampaignName } from "./campaign-name.ts";
import { requireTriggerSegment } from "./campaign-segments.ts";
import { checked, parseFields, wholeNumber } from "./field-checks.ts";
import { parseCampaign } from "./parse-campaign.ts";

/** Tells what a campaign would have done. */
export type SimulatorOf = {
  readonly run: (
    workspace: Workspace,
    request: {
      readonly campaign: Campaign;
      readonly days: number;
      readonly sampleSize: number;
      readonly assumeOnline: boolean;
    },
  ) => Promise<Simulation>;
};

const DAYS = { fallback: 7, max: 30 };
const SAMPLE = { fallback: 20, max: 1_000 };
const requestSchema = z.object({
  days: checked<number>(wholeNumber({ min: 0, max: DAYS.max })),
  sampleSize: checked<number>(wholeNumber({ min: 0, max: SAMPLE.max })),
});

/** Simulates a campaign that is there, or one that is not made yet.
 *  @throws InvalidInput, NotFound; NotAllowedNow when nothing is recorded that would tell. */
export async function simulateCampaign(
  parts: { readonly store: Store; readonly keeper: CampaignKeeper; readonly simulator: SimulatorOf },
  workspace: Workspace,
  request: SimulateCampaignRequest,
): Promise<{ simulation: Simulation }> {
  const { days, sampleSize } = parseFields(requestSchema, request);
  const campaign = await getCampaign(parts, workspace, request);
  const reason = findUntold(campaign);
  if (reason !== undefined) throw new NotAllowedNow("CAMPAIGN_KIND", campaign.campaignId, reason);
  const simulation = await parts.simulator.run(workspace, {
    ...{ campaign, days: days || DAYS.fallback, sampleSize: sampleSize || SAMPLE.fallback },
    assumeOnline: request.assumeOnline,
  });
  return { simulation };
}

async function getCampaign(
  { store, keeper }: { readonly store: Store; readonly keeper: CampaignKeeper },
  workspace: Workspace,
  { name, campaign: given }: SimulateCampaignRequest,
): Promise<Campaign> {
  if (name !== "" && given !== undefined)
    throw new InvalidInput([{ field: "campaign", description: "there is a name too; one of them is needed" }]);
  if (given === undefined) return toCampaign(await keeper.get(workspace.id, parseCampaignName(name, workspace.id)));
  const parsed = parseCampaign(given);
  await requireTriggerSegment(store, workspace.id, parsed.trigger);
  return create(CampaignSchema, parsed);
}

/** Why what was recorded does not tell what a campaign would have done; undefined when it does. */
function findUntold({ journey, trigger }: Campaign): string | undefined {
  if (journey !== undefined)
    return "it has a journey, which goes by what becomes of its messages: simulate one that sends its first message";
  const { on } = trigger ?? {};
  if (on?.case === "segmentEntered" || on?.case === "segmentLeft")
    return "who came into a segment or left it, and when, is not recorded: simulate one that is sent to the segment";
  return undefined;
}
