import { z } from "zod";
import {
  type Campaign,
  CampaignState,
  CampaignStateSchema,
  CampaignTriggerKind,
  CampaignTriggerKindSchema,
} from "../../gen/intervention/v1/campaign_pb.js";
import type { ListCampaignsRequest } from "../../gen/intervention/v1/campaign_service_pb.js";
import { listCampaigns, type Store, toCampaign } from "../store/index.ts";
import { checked, memberOf, parseFields, text } from "./field-checks.ts";
import { parsePageSize, parsePageToken, toPageToken } from "./page-token.ts";

const PAGE_SIZE = { fallback: 50, max: 1_000 };
/** Campaigns that are looked at in one go. */
const READ_MAX = 1_000;
const positionSchema = z.tuple([z.string().regex(/^\d{15}-/)]);
const filterSchema = z.object({
  state: checked<CampaignState>(memberOf(CampaignStateSchema, { allowUnspecified: true })),
  triggerKind: checked<CampaignTriggerKind>(memberOf(CampaignTriggerKindSchema, { allowUnspecified: true })),
  text: checked(text({ max: 200 })),
});

/** A page of a workspace's campaigns, newest first. What is asked for stands in their bodies, and a workspace has no more campaigns than
 *  can be read: so all of them are, until the page is full.
 *  @throws InvalidInput */
export async function listCampaignPage(
  store: Store,
  workspaceId: string,
  request: ListCampaignsRequest,
): Promise<{ campaigns: Campaign[]; nextPageToken: string }> {
  const size = parsePageSize(request.pageSize, PAGE_SIZE);
  const filter = parseFields(filterSchema, request);
  const scope = ["campaigns", workspaceId, String(filter.state), String(filter.triggerKind), filter.text];
  let before = parsePageToken(request.pageToken, scope, positionSchema)?.[0];
  const found: { readonly campaign: Campaign; readonly position: string }[] = [];
  for (let isLast = false; !isLast && found.length <= size; ) {
    const documents = await listCampaigns(store, {
      ...{ workspaceId, limit: READ_MAX },
      ...(before === undefined ? {} : { before }),
    });
    for (const document of documents) {
      const campaign = toCampaign(document);
      if (isWanted(campaign, filter)) found.push({ campaign, position: document.position });
    }
    before = documents.at(-1)?.position;
    isLast = documents.length < READ_MAX;
  }
  const last = found[size - 1];
  return {
    campaigns: found.slice(0, size).map(({ campaign }) => campaign),
    nextPageToken: found.length > size && last !== undefined ? toPageToken([last.position], scope) : "",
  };
}

const KINDS = {
  prediction: CampaignTriggerKind.PREDICTION,
  event: CampaignTriggerKind.EVENT,
  segmentEntered: CampaignTriggerKind.SEGMENT_ENTERED,
  segmentLeft: CampaignTriggerKind.SEGMENT_LEFT,
  audience: CampaignTriggerKind.AUDIENCE,
} as const;

function isWanted(campaign: Campaign, filter: z.output<typeof filterSchema>): boolean {
  const { state, trigger, displayName, campaignId } = campaign;
  const kind = trigger?.on.case === undefined ? CampaignTriggerKind.UNSPECIFIED : KINDS[trigger.on.case];
  const sought = filter.text.toLowerCase();
  return (
    (filter.state === CampaignState.UNSPECIFIED || state === filter.state) &&
    (filter.triggerKind === CampaignTriggerKind.UNSPECIFIED || kind === filter.triggerKind) &&
    (displayName.toLowerCase().includes(sought) || campaignId.includes(sought))
  );
}
