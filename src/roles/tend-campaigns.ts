import { toStateAt } from "../domain/campaign/life-cycle.ts";
import type { CampaignKeeper } from "../integrations/campaign-keeper.ts";
import { listCampaignsDue, type Store } from "../store/index.ts";

/** What looking after campaigns stands on. */
export type TendCampaignsOptions = {
  readonly store: Store;
  readonly keeper: Pick<CampaignKeeper, "change">;
  readonly now: () => Date;
};

/** Starts and completes each campaign whose time has come. Any number may do this: a move is made on the state that it was found in, so
 *  that the first one makes it and the others find it made. One that fails holds up none of the others.
 *  @throws what failed, when all have had their turn. */
export async function tendCampaigns({ store, keeper, now }: TendCampaignsOptions): Promise<void> {
  const failures: unknown[] = [];
  for (const { workspaceId, campaignId } of await listCampaignsDue(store, now())) {
    try {
      await keeper.change(workspaceId, campaignId, "", (campaign) => {
        campaign.state = toStateAt(campaign, now().getTime());
      });
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} campaigns are tried again`);
}
