import { InvalidInput, NotFound } from "../domain/errors.ts";
import { show } from "./field-checks.ts";

const NAME = /^workspaces\/([^/]+)\/campaigns\/([^/]+)$/;
const CAMPAIGN_ID = /^[a-z0-9][a-z0-9-]{0,62}$/;

export const isCampaignId = (id: string) => CAMPAIGN_ID.test(id);

export const toCampaignName = (workspaceId: string, campaignId: string) =>
  `workspaces/${workspaceId}/campaigns/${campaignId}`;

/** The id of the campaign that a full name or an id alone stands for.
 *  @throws InvalidInput when it is neither; NotFound when it is in another workspace, or can't be an id of ours. */
export function parseCampaignName(name: string, workspaceId: string, field = "name"): string {
  const full = NAME.exec(name);
  const id = full === null ? name : full[2];
  if (id === undefined || id === "" || id.includes("/")) {
    const description = `${show(name)} is neither workspaces/{workspace}/campaigns/{campaign} nor a campaign's id`;
    throw new InvalidInput([{ field, description }]);
  }
  if ((full !== null && full[1] !== workspaceId) || !isCampaignId(id)) throw new NotFound("campaign", id);
  return id;
}
