import { CampaignState } from "../../gen/intervention/v1/campaign_pb.js";
import { toStateAt } from "../domain/campaign/life-cycle.ts";
import { StaleEtag } from "../domain/errors.ts";
import type { CampaignKeeper } from "../integrations/campaign-keeper.ts";
import { type CampaignDocument, listCampaignsDue, toCampaign } from "../store/index.ts";
import { type CampaignRunsOptions, tendAudience } from "./campaign-runs.ts";

/** What looking after campaigns stands on. */
export type TendCampaignsOptions = CampaignRunsOptions & { readonly keeper: Pick<CampaignKeeper, "change"> };

/** Starts and completes each campaign whose time has come, and sends what is due to audiences. Any number may do this: a move is made on
 *  the state that it was found in, so that the first one makes it and the others find it made, and a run's id follows from its due time.
 *  One campaign that fails holds up none of the others.
 *  @throws what failed, when all have had their turn. */
export async function tendCampaigns(options: TendCampaignsOptions): Promise<void> {
  const failures: unknown[] = [];
  for (const document of await listCampaignsDue(options.store, options.now())) {
    try {
      await tendOne(options, document);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} campaigns are tried again`);
}

async function tendOne(options: TendCampaignsOptions, document: CampaignDocument): Promise<void> {
  const { keeper, now } = options;
  const { workspaceId, campaignId } = document;
  const campaign = toCampaign(document);
  const isMoved = toStateAt(campaign, now().getTime()) !== campaign.state;
  const isDone = !isMoved && (await tendAudience(options, document, campaign)) === "done";
  if (!isMoved && !isDone) return;
  try {
    await keeper.change(workspaceId, campaignId, isDone ? document.etag : "", (current) => {
      current.state = isDone ? CampaignState.COMPLETED : toStateAt(current, now().getTime());
    });
  } catch (error) {
    // Somebody has changed it meanwhile, or completed it: it is looked at again as it is now.
    if (!(error instanceof StaleEtag)) throw error;
  }
}
