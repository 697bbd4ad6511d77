import { randomBytes } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import { CampaignSchema, CampaignState } from "../../gen/intervention/v1/campaign_pb.js";
import type { CampaignService } from "../../gen/intervention/v1/campaign_service_pb.js";
import { type FieldViolation, InvalidInput, NotAllowedNow } from "../domain/errors.ts";
import { listCampaigns, toCampaign } from "../store/index.ts";
import { getService } from "./authenticate.ts";
import { CampaignKeeper, type CampaignKeeperParts } from "./campaign-keeper.ts";
import { applyMask } from "./campaign-mask.ts";
import { isCampaignId, parseCampaignName, toCampaignName } from "./campaign-name.ts";
import { parseBoth, show } from "./field-checks.ts";
import { parsePageSize, parsePageToken, toPageToken } from "./page-token.ts";
import { parseCampaign } from "./parse-campaign.ts";
import { requireParent } from "./resource-name.ts";
import { toPin } from "./template-use.ts";

const PAGE_SIZE = { fallback: 50, max: 1_000 };
const positionSchema = z.tuple([z.string().regex(/^\d{15}-/)]);
const ID_BYTES = 8;

/** Makes campaigns and runs them. */
export function campaignService(parts: CampaignKeeperParts): ServiceImpl<typeof CampaignService> {
  const { now, store } = parts;
  const keeper = new CampaignKeeper(parts);
  const move = async (workspaceId: string, name: string, to: CampaignState) => ({
    campaign: await keeper.change(workspaceId, parseCampaignName(name, workspaceId), "", (campaign) => {
      requireMove(campaign.campaignId, campaign.state, to);
      campaign.state = to;
    }),
  });
  return {
    async create({ parent, campaignId, campaign: given }, context) {
      const { workspace } = getService(context.values);
      requireParent(parent, workspace.id);
      const campaign = given ?? create(CampaignSchema);
      const [{ id, state }, parsed] = parseBoth(
        () => parseFirst(campaignId, campaign.state),
        () => parseCampaign(campaign),
      );
      const at = timestampFromDate(now());
      const made = create(CampaignSchema, {
        ...(await toPin(store, workspace.id)(parsed, "campaign.template")),
        ...{ name: toCampaignName(workspace.id, id), campaignId: id, state, createTime: at, updateTime: at },
      });
      return { campaign: await keeper.add(workspace.id, made) };
    },
    async get({ name }, context) {
      const { workspace } = getService(context.values);
      return { campaign: toCampaign(await keeper.get(workspace.id, parseCampaignName(name, workspace.id))) };
    },
    async list({ parent, pageSize, pageToken }, context) {
      const { workspace } = getService(context.values);
      requireParent(parent, workspace.id);
      const size = parsePageSize(pageSize, PAGE_SIZE);
      const scope = ["campaigns", workspace.id];
      const position = parsePageToken(pageToken, scope, positionSchema);
      const found = await listCampaigns(store, {
        workspaceId: workspace.id,
        ...(position === undefined ? {} : { before: position[0] }),
        limit: size + 1,
      });
      const page = found.slice(0, size);
      const last = page.at(-1);
      return {
        campaigns: page.map(toCampaign),
        nextPageToken: found.length > size && last !== undefined ? toPageToken([last.position], scope) : "",
      };
    },
    async update({ campaign: given, updateMask }, context) {
      const { workspace } = getService(context.values);
      const wanted = given ?? create(CampaignSchema);
      const id = parseCampaignName(wanted.name, workspace.id, "campaign.name");
      const paths = updateMask?.paths ?? [];
      const isTemplateSet = paths.length === 0 || paths.includes("template");
      const pinned = isTemplateSet ? await toPin(store, workspace.id)(wanted, "campaign.template") : wanted;
      const campaign = await keeper.change(workspace.id, id, wanted.etag, (current) => {
        if (current.state === CampaignState.ARCHIVED) throw isArchived(id);
        Object.assign(current, applyMask(current, pinned, paths));
      });
      return { campaign };
    },
    pause: ({ name }, context) => move(getService(context.values).workspace.id, name, CampaignState.PAUSED),
    resume: ({ name }, context) => move(getService(context.values).workspace.id, name, CampaignState.RUNNING),
    archive: ({ name }, context) => move(getService(context.values).workspace.id, name, CampaignState.ARCHIVED),
  };
}

const isArchived = (id: string) =>
  new NotAllowedNow("CAMPAIGN_STATE", id, "the campaign is archived, which is for ever: make another one");

function requireMove(id: string, from: CampaignState, to: CampaignState): void {
  if (from === CampaignState.ARCHIVED && to !== CampaignState.ARCHIVED) throw isArchived(id);
  if (from === CampaignState.DRAFT && to === CampaignState.PAUSED)
    throw new NotAllowedNow("CAMPAIGN_STATE", id, "the campaign is a draft: there is nothing to pause");
}

/** The id and the state of a new campaign.
 *  @throws InvalidInput */
function parseFirst(campaignId: string, given: CampaignState): { id: string; state: CampaignState } {
  const id = campaignId || randomBytes(ID_BYTES).toString("hex");
  const state = given || CampaignState.DRAFT;
  const violations: FieldViolation[] = [];
  if (!isCampaignId(id)) {
    const description = `${show(id)} is not 1 to 63 of a-z, 0-9 and -, beginning with a letter or digit`;
    violations.push({ field: "campaign_id", description });
  }
  if (state !== CampaignState.DRAFT && state !== CampaignState.RUNNING) {
    const description = `${CampaignState[state] ?? state} is not DRAFT or RUNNING`;
    violations.push({ field: "campaign.state", description });
  }
  if (violations.length > 0) throw new InvalidInput(violations);
  return { id, state };
}
