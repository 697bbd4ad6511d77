import { fromJson, type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { type Campaign, CampaignSchema, CampaignState } from "../../gen/intervention/v1/campaign_pb.js";
import { CampaignService } from "../../gen/intervention/v1/campaign_service_pb.js";
import { TemplateService } from "../../gen/intervention/v1/template_service_pb.js";
import { type Engine, isObject, type Kind, listAll, toPlace, without } from "./kind.ts";
import { listUses, unpin } from "./template-uses.ts";
import { type Kept, Refused } from "./thing.ts";

const STAMPS = ["etag", "createTime", "updateTime"];
const SET_BY_ENGINE = ["name", "campaignId", "state", "review", "journeyVersion", ...STAMPS];
const OVER: readonly CampaignState[] = [CampaignState.COMPLETED, CampaignState.ARCHIVED];

/** Campaigns, all but whether they run: a new one is a draft until somebody runs it, and one that runs goes on as it has become. */
export function campaignKind(engine: Engine): Kind {
  const client = createClient(CampaignService, engine.transport);
  const templates = createClient(TemplateService, engine.transport);

  /** Names no version where it is the one in use: each workspace numbers its own, and the file means the newest. */
  async function unpinNewest(content: JsonObject): Promise<JsonObject> {
    const inUse = new Map<string, number>();
    for (const { template: name } of listUses(content))
      if (!inUse.has(name)) inUse.set(name, (await templates.getTemplate({ name })).template?.version ?? 0);
    return unpin(content, ({ template, version }) => inUse.get(template) === version);
  }

  async function toKept(campaign: Campaign | undefined): Promise<Kept> {
    if (campaign === undefined) throw new Refused("the engine answered without a campaign");
    const { name, campaignId: id, etag, state } = campaign;
    const content = await unpinNewest(parse(toJson(CampaignSchema, campaign)));
    return { folder: "campaigns", id, etag, place: toPlace(engine, name), content, isOver: OVER.includes(state) };
  }

  return {
    folder: "campaigns",
    parse,
    listUsed: () => [],
    async list() {
      const all = await listAll(async (pageToken) => {
        const { campaigns: items, nextPageToken } = await client.list({ pageToken });
        return { items, nextPageToken };
      });
      const kept: Kept[] = [];
      for (const campaign of all) kept.push(await toKept(campaign));
      return kept;
    },
    async create({ id, content }) {
      return toKept((await client.create({ campaignId: id, campaign: fromJson(CampaignSchema, content) })).campaign);
    },
    async update({ id, content }, { etag }) {
      const campaign = Object.assign(fromJson(CampaignSchema, content), { name: id, etag });
      return toKept((await client.update({ campaign })).campaign);
    },
  };
}

function parse(content: JsonValue): JsonObject {
  const message = toJson(CampaignSchema, fromJson(CampaignSchema, content));
  return isObject(message) ? without(message, SET_BY_ENGINE) : {};
}
