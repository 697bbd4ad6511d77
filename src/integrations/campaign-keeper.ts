import { clone, create, equals, toBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Binary } from "mongodb";
import type { Logger } from "pino";
import { type Campaign, CampaignSchema, CampaignState } from "../../gen/intervention/v1/campaign_pb.js";
import { JourneySchema } from "../../gen/intervention/v1/journey_pb.js";
import type { Bus } from "../bus/index.ts";
import { findNextLook } from "../domain/campaign/next-look.ts";
import { AlreadyExists, NotFound, StaleEtag, Unavailable } from "../domain/errors.ts";
import {
  type CampaignDocument,
  campaignDocumentId,
  findCampaign,
  insertCampaign,
  replaceCampaign,
  type Store,
  toCampaign,
  toPosition,
  toStanding,
} from "../store/index.ts";

/** What keeping campaigns stands on. */
export type CampaignKeeperParts = {
  readonly store: Store;
  readonly bus: Bus;
  readonly log: Logger;
  readonly now: () => Date;
};

/** Others may change the same campaign; each time one of them gets through. */
const ATTEMPTS_MAX = 10;

/** Keeps campaigns, and tells whoever holds them in memory. */
export class CampaignKeeper {
  readonly #parts: CampaignKeeperParts;

  constructor(parts: CampaignKeeperParts) {
    this.#parts = parts;
  }

  /** @throws NotFound when this workspace has no such campaign. */
  async get(workspaceId: string, campaignId: string): Promise<CampaignDocument> {
    const found = await findCampaign(this.#parts.store, workspaceId, campaignId);
    if (found === undefined) throw new NotFound("campaign", campaignId);
    return found;
  }

  /** Adds a campaign; one that is there already, with the same to say, is returned as it is.
   *  @throws AlreadyExists when another has its id. */
  async add(workspaceId: string, campaign: Campaign): Promise<Campaign> {
    const { now, store } = this.#parts;
    const { campaignId } = campaign;
    const at = now();
    campaign.journeyVersion = campaign.journey === undefined ? 0 : 1;
    const isNew = await insertCampaign(store, {
      _id: campaignDocumentId(workspaceId, campaignId),
      ...{ workspaceId, campaignId },
      position: toPosition(at, campaignId),
      updatedAt: at,
      ...toKept(campaign, { at }),
    });
    const found = toCampaign(await this.get(workspaceId, campaignId));
    if (isNew) this.#tell();
    else if (!isSame(found, campaign)) throw new AlreadyExists("campaign", campaignId);
    return found;
  }

  /** Changes a campaign.
   *  @param etag which it must have; empty for any.
   *  @param edit may throw; nothing is changed then.
   *  @throws NotFound, StaleEtag. */
  async change(
    workspaceId: string,
    campaignId: string,
    etag: string,
    edit: (campaign: Campaign) => void,
  ): Promise<Campaign> {
    const { now, store } = this.#parts;
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      const current = await this.get(workspaceId, campaignId);
      if (etag !== "" && etag !== current.etag) throw new StaleEtag(toCampaign(current).name);
      const before = toCampaign(current);
      const campaign = clone(CampaignSchema, before);
      edit(campaign);
      if (equals(CampaignSchema, before, campaign)) return before;
      campaign.journeyVersion = toJourneyVersion(before, campaign);
      const at = now();
      campaign.updateTime = timestampFromDate(at);
      const next = { ...toKept(campaign, { before: current, at }), updatedAt: at };
      const { document, isOurs } = await replaceCampaign(store, current, next);
      if (document !== undefined && isOurs) {
        this.#tell();
        return toCampaign(document);
      }
    }
    throw new Unavailable("store", { cause: new Error(`${campaignId} was changed by others ${ATTEMPTS_MAX} times`) });
  }

  /** Whoever misses it looks for himself within a second. */
  #tell(): void {
    const { bus, log } = this.#parts;
    try {
      bus.nc.publish(bus.subjects.campaignsChanged);
    } catch (error) {
      log.warn(
        { event: "change_not_told", err: error },
        "that a campaign has changed could not be told: it is found later",
      );
    }
  }
}

/** One more with each change of the journey. */
function toJourneyVersion(before: Campaign, { journey }: Campaign): number {
  const isAsItWas =
    journey === undefined || before.journey === undefined
      ? journey === before.journey
      : equals(JourneySchema, before.journey, journey);
  return isAsItWas ? before.journeyVersion : before.journeyVersion + 1;
}

/** A campaign, when it began to run, and when somebody must look at it next. */
function toKept(
  campaign: Campaign,
  { before, at }: { readonly before?: CampaignDocument; readonly at: Date },
): Pick<CampaignDocument, "campaign" | "nextAt" | "startedAt"> {
  const wasRunning = before !== undefined && toCampaign(before).state === CampaignState.RUNNING;
  const startedAt = campaign.state === CampaignState.RUNNING && !wasRunning ? at : before?.startedAt;
  const nextMs = findNextLook(campaign, toStanding({ ...before, startedAt }));
  return {
    campaign: toBody(campaign),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(nextMs === undefined ? {} : { nextAt: new Date(nextMs) }),
  };
}

const toBody = (campaign: Campaign) =>
  new Binary(toBinary(CampaignSchema, create(CampaignSchema, { ...campaign, etag: "" })));

/** Whether two were made with the same to say. */
const isSame = (one: Campaign, other: Campaign) =>
  Buffer.compare(toBody(withoutTimes(one)).value(), toBody(withoutTimes(other)).value()) === 0;

const withoutTimes = ({ createTime: _, updateTime: __, ...campaign }: Campaign) => create(CampaignSchema, campaign);
