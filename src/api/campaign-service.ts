import { randomBytes } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import { type Campaign, CampaignSchema, CampaignState, ReviewRule } from "../../gen/intervention/v1/campaign_pb.js";
import type { CampaignService } from "../../gen/intervention/v1/campaign_service_pb.js";
import { findChangeRefusal } from "../domain/campaign/life-cycle.ts";
import { type FieldViolation, InvalidInput, NotAllowedNow } from "../domain/errors.ts";
import { CampaignKeeper, type CampaignKeeperParts } from "../integrations/campaign-keeper.ts";
import { findBudgetUse, listTravellersOf, toCampaign } from "../store/index.ts";
import { getService } from "./authenticate.ts";
import { applyMask } from "./campaign-mask.ts";
import { campaignMoves } from "./campaign-moves.ts";
import { isCampaignId, parseCampaignName, toCampaignName } from "./campaign-name.ts";
import { requireTriggerSegment } from "./campaign-segments.ts";
import { checked, parseBoth, parseFields, show } from "./field-checks.ts";
import { listCampaignPage } from "./list-campaigns.ts";
import { parseCampaign } from "./parse-campaign.ts";
import { USER_ID } from "./parse-trigger.ts";
import { pinCampaign } from "./pin-campaign.ts";
import { requireParent } from "./resource-name.ts";
import { type SimulatorOf, simulateCampaign } from "./simulate-campaign.ts";
import { toTraveller } from "./to-traveller.ts";

const ID_BYTES = 8;
const userSchema = z.object({ userId: checked(...USER_ID) });

/** What making campaigns works with. */
export type CampaignParts = CampaignKeeperParts & { readonly simulator: SimulatorOf };

/** Makes campaigns and runs them. */
export function campaignService(parts: CampaignParts): ServiceImpl<typeof CampaignService> {
  const { now, store } = parts;
  const keeper = new CampaignKeeper(parts);
  return {
    async create({ parent, campaignId, campaign: given }, context) {
      const { workspace } = getService(context.values);
      requireParent(parent, workspace.id);
      const campaign = given ?? create(CampaignSchema);
      const [{ id, state }, parsed] = parseBoth(
        () => parseFirst(campaignId, campaign),
        () => parseCampaign(campaign),
      );
      await requireTriggerSegment(store, workspace.id, parsed.trigger);
      const at = timestampFromDate(now());
      const made = create(CampaignSchema, {
        ...(await pinCampaign(store, workspace.id, parsed)),
        ...{ name: toCampaignName(workspace.id, id), campaignId: id, state, createTime: at, updateTime: at },
      });
      return { campaign: await keeper.add(workspace.id, made) };
    },
    async get({ name }, context) {
      const { workspace } = getService(context.values);
      const campaign = toCampaign(await keeper.get(workspace.id, parseCampaignName(name, workspace.id)));
      const { campaignId, budget } = campaign;
      const use = budget && (await findBudgetUse(store, { workspaceId: workspace.id, campaignId }));
      if (use === undefined) return { campaign };
      return { campaign, budgetUse: { messages: BigInt(use.messages), micros: BigInt(use.micros) } };
    },
    async list(request, context) {
      const { workspace } = getService(context.values);
      requireParent(request.parent, workspace.id);
      return listCampaignPage(store, workspace.id, request);
    },
    async update({ campaign: given, updateMask }, context) {
      const { workspace } = getService(context.values);
      const wanted = given ?? create(CampaignSchema);
      const id = parseCampaignName(wanted.name, workspace.id, "campaign.name");
      const paths = updateMask?.paths ?? [];
      if (paths.length === 0 || paths.includes("trigger"))
        await requireTriggerSegment(store, workspace.id, wanted.trigger);
      const isPinned = paths.length === 0 || paths.includes("template") || paths.includes("journey");
      const pinned = isPinned ? await pinCampaign(store, workspace.id, wanted) : wanted;
      const campaign = await keeper.change(workspace.id, id, wanted.etag, (current) => {
        const refusal = findChangeRefusal(current);
        if (refusal !== undefined) throw new NotAllowedNow("CAMPAIGN_STATE", id, refusal);
        const changed = applyMask(current, pinned, paths);
        requireStricter(current.reviewRule, changed.reviewRule);
        Object.assign(current, changed);
      });
      return { campaign };
    },
    async duplicate({ name, campaignId, displayName }, context) {
      const { workspace } = getService(context.values);
      const original = toCampaign(await keeper.get(workspace.id, parseCampaignName(name, workspace.id)));
      const draft = create(CampaignSchema, {
        ...original,
        ...{ state: CampaignState.DRAFT, displayName: displayName || original.displayName },
      });
      const [{ id, state }, parsed] = parseBoth(
        () => parseFirst(campaignId, draft),
        () => parseCampaign(draft),
      );
      const at = timestampFromDate(now());
      const made = create(CampaignSchema, {
        ...parsed,
        ...{ name: toCampaignName(workspace.id, id), campaignId: id, state, createTime: at, updateTime: at },
      });
      return { campaign: await keeper.add(workspace.id, made) };
    },
    async simulate(request, context) {
      const { workspace } = getService(context.values);
      return simulateCampaign({ store, keeper, simulator: parts.simulator }, workspace, request);
    },
    async listTravellers({ name, userId: given }, context) {
      const { workspace } = getService(context.values);
      const { campaignId } = await keeper.get(workspace.id, parseCampaignName(name, workspace.id));
      const { userId } = parseFields(userSchema, { userId: given });
      const found = await listTravellersOf(store, { workspaceId: workspace.id, campaignId, userId });
      return { travellers: found.map(toTraveller) };
    },
    ...campaignMoves({ keeper, now }),
  };
}

/** @throws InvalidInput when fewer would have to look at a campaign than before. */
function requireStricter(from: ReviewRule, to: ReviewRule): void {
  if (to >= from) return;
  const description = `${ReviewRule[to]} is looser than ${ReviewRule[from]}, which it is: make another campaign`;
  throw new InvalidInput([{ field: "campaign.review_rule", description }]);
}

/** The id and the state of a new campaign.
 *  @throws InvalidInput */
function parseFirst(
  campaignId: string,
  { state: given, startTime, reviewRule }: Campaign,
): { id: string; state: CampaignState } {
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
  if (state === CampaignState.RUNNING && startTime !== undefined) {
    const description = "RUNNING is at once, and there is a start_time: make a draft, and schedule it";
    violations.push({ field: "campaign.state", description });
  }
  if (state === CampaignState.RUNNING && reviewRule > ReviewRule.OPTIONAL) {
    const description = "RUNNING is not allowed where there must be a review: make a draft, and submit it";
    violations.push({ field: "campaign.state", description });
  }
  if (violations.length > 0) throw new InvalidInput(violations);
  return { id, state };
}
