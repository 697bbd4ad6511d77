import { randomUUID } from "node:crypto";
import { fromBinary } from "@bufbuild/protobuf";
import type { Binary } from "mongodb";
import { type Campaign, CampaignSchema } from "../../gen/intervention/v1/campaign_pb.js";
import type { AudienceStanding } from "../domain/campaign/audience.ts";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

/** One campaign as it is now. */
export type CampaignDocument = {
  /** `{workspace}/{campaign}`. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly campaignId: string;
  /** `toPosition` of the time it was made and its id: what lists are ordered by. */
  readonly position: string;
  readonly updatedAt: Date;
  /** Another one with each change. */
  readonly etag: string;
  /** Campaign, without its etag. */
  readonly campaign: Binary;
  /** When time moves it next, or something of it is due; absent: never. */
  readonly nextAt?: Date;
  /** When it last began to run. */
  readonly startedAt?: Date;
  /** Of one that is sent to an audience: due times up to this one are dealt with. */
  readonly handledAt?: Date;
};

export const campaignIndexes = [
  { name: "by_position", key: { workspaceId: 1, position: -1 } },
  // What has changed lately, for those who keep campaigns in memory.
  { name: "by_change", key: { updatedAt: 1 } },
  // What time moves.
  { name: "by_next", key: { nextAt: 1 } },
] as const satisfies readonly IndexDefinition[];

export const campaignDocumentId = (workspaceId: string, campaignId: string) => `${workspaceId}/${campaignId}`;

/** Reads the body back, with its etag. */
export function toCampaign({ campaign, etag }: Pick<CampaignDocument, "campaign" | "etag">): Campaign {
  const message = fromBinary(CampaignSchema, campaign.value());
  message.etag = etag;
  return message;
}

/** How far it has come with its audience. */
export const toStanding = ({
  startedAt,
  handledAt,
}: {
  readonly startedAt?: Date | undefined;
  readonly handledAt?: Date | undefined;
}): AudienceStanding => ({ startedMs: startedAt?.getTime() ?? 0, handledMs: handledAt?.getTime() });

/** Makes a campaign.
 *  @returns false when its id is taken. */
export async function insertCampaign(store: Store, document: Omit<CampaignDocument, "etag">): Promise<boolean> {
  return (await insertNew(store.campaigns, [{ ...document, etag: randomUUID() }])).length === 0;
}

export async function findCampaign(
  store: Store,
  workspaceId: string,
  campaignId: string,
): Promise<CampaignDocument | undefined> {
  const _id = campaignDocumentId(workspaceId, campaignId);
  return (await onStore(() => store.campaigns.findOne({ _id }))) ?? undefined;
}

/** Those of the campaigns that are there. */
export function findCampaigns(
  store: Store,
  workspaceId: string,
  campaignIds: readonly string[],
): Promise<CampaignDocument[]> {
  const ids = campaignIds.map((id) => campaignDocumentId(workspaceId, id));
  return onStore(() => store.campaigns.find({ _id: { $in: ids } }).toArray());
}

/** A page, newest first. A workspace's campaigns are few enough to be sorted. */
export function listCampaigns(
  store: Store,
  options: { readonly workspaceId: string; readonly before?: string; readonly limit: number },
): Promise<CampaignDocument[]> {
  // Positions begin with a digit.
  const filter = { workspaceId: options.workspaceId, position: { $lt: options.before ?? ":" } };
  return onStore(() => store.campaigns.find(filter).sort({ position: -1 }).limit(options.limit).toArray());
}

/** Puts a new body in the place of the one with this etag.
 *  @returns what stands there now: with the `etag` returned beside it when it is ours, with another when someone was first. */
export async function replaceCampaign(
  store: Store,
  current: Pick<CampaignDocument, "_id" | "etag">,
  next: Pick<CampaignDocument, "campaign" | "updatedAt" | "nextAt" | "startedAt">,
): Promise<{ readonly document: CampaignDocument | undefined; readonly isOurs: boolean }> {
  const etag = randomUUID();
  // The condition stands in the update, not in the filter: there are planners that find a document by its id only if nothing
  // else is asked of it.
  const isCurrent = { $eq: ["$etag", current.etag] };
  const set = <T>(value: T, field: string) => ({ $cond: [isCurrent, { $literal: value }, `$${field}`] });
  const update = [
    {
      $set: {
        campaign: set(next.campaign, "campaign"),
        updatedAt: set(next.updatedAt, "updatedAt"),
        etag: set(etag, "etag"),
        nextAt: { $cond: [isCurrent, next.nextAt ?? "$$REMOVE", "$nextAt"] },
        startedAt: { $cond: [isCurrent, next.startedAt ?? "$$REMOVE", "$startedAt"] },
      },
    },
  ];
  const found = await onStore(() =>
    store.campaigns.findOneAndUpdate({ _id: current._id }, update, { returnDocument: "after" }),
  );
  return { document: found ?? undefined, isOurs: found?.etag === etag };
}

const CHANGED_MAX = 100_000;

/** Every workspace's campaigns that were changed since a time. */
export function listCampaignsChanged(store: Store, since: Date): Promise<CampaignDocument[]> {
  return onStore(() =>
    store.campaigns
      .find({ updatedAt: { $gte: since } })
      .limit(CHANGED_MAX)
      .toArray(),
  );
}

const DUE_MAX = 1_000;

/** Some of those, of any workspace, that time moves by now. */
export function listCampaignsDue(store: Store, now: Date): Promise<CampaignDocument[]> {
  return onStore(() =>
    store.campaigns
      .find({ nextAt: { $lte: now } })
      .limit(DUE_MAX)
      .toArray(),
  );
}

/** Writes down that due times are dealt with, and when the next look is, unless the campaign was changed meanwhile. That is no change that
 *  its editors see. */
export async function advanceCampaign(
  store: Store,
  current: Pick<CampaignDocument, "_id" | "etag">,
  next: Pick<CampaignDocument, "nextAt" | "handledAt">,
): Promise<void> {
  const isCurrent = { $eq: ["$etag", current.etag] };
  const update = [
    {
      $set: {
        nextAt: { $cond: [isCurrent, next.nextAt ?? "$$REMOVE", "$nextAt"] },
        handledAt: { $cond: [isCurrent, next.handledAt ?? "$$REMOVE", "$handledAt"] },
      },
    },
  ];
  await onStore(() => store.campaigns.updateOne({ _id: current._id }, update));
}
