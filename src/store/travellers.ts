import { fromBinary } from "@bufbuild/protobuf";
import type { Binary } from "mongodb";
import { type Campaign, CampaignSchema } from "../../gen/intervention/v1/campaign_pb.js";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

/** A user on the way through a campaign's journey, or one who was. */
export type TravellerDocument = {
  /** Follows from workspace, campaign and what made him come in, so that the same trigger brings him in once. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly campaignId: string;
  readonly userId: string;
  /** The journey that he goes through, whatever the campaign says by now. */
  readonly journeyVersion: number;
  readonly enteredAt: Date;
  /** TriggerSource: what made him come in. */
  readonly source: Binary;
  /** What he does now, or did last; empty: he has just come in. */
  readonly stepId: string;
  /** When that is over; absent: he has left. */
  readonly dueAt?: Date;
  /** How many steps he has taken: names each of them. */
  readonly moves: number;
  readonly path: readonly TakenStep[];
  readonly leftAt?: Date;
  readonly leftBecause?: string;
};

/** A step that was taken. */
export type TakenStep = {
  readonly stepId: string;
  readonly at: Date;
  readonly interventionId?: string;
  readonly branchCase?: number;
};

/** A campaign as it was with one of its journeys. */
export type JourneyVersionDocument = {
  /** `{workspace}/{campaign}/{version}`. */
  readonly _id: string;
  readonly workspaceId: string;
  /** Campaign. */
  readonly campaign: Binary;
};

/** Longer than any trigger is told again. */
const LEFT_KEPT_S = 90 * 86_400;
const LISTED_MAX = 100;

export const travellerIndexes = [
  { name: "by_due", key: { workspaceId: 1, campaignId: 1, dueAt: 1 } },
  { name: "by_user", key: { workspaceId: 1, userId: 1 } },
  { name: "retention", key: { leftAt: 1 }, expireAfterSeconds: LEFT_KEPT_S },
] as const satisfies readonly IndexDefinition[];

export const journeyVersionIndexes = [] as const satisfies readonly IndexDefinition[];

const versionId = (workspaceId: string, campaignId: string, version: number) =>
  `${workspaceId}/${campaignId}/${version}`;

/** Keeps a journey for those who begin it now; known ones stay as they are. */
export async function insertJourneyVersion(
  store: Store,
  { workspaceId, campaignId, version }: { workspaceId: string; campaignId: string; version: number },
  campaign: Binary,
): Promise<void> {
  await insertNew(store.journeyVersions, [{ _id: versionId(workspaceId, campaignId, version), workspaceId, campaign }]);
}

/** A campaign as it was with this journey. */
export async function findJourneyVersion(
  store: Store,
  { workspaceId, campaignId, version }: { workspaceId: string; campaignId: string; version: number },
): Promise<Campaign | undefined> {
  const _id = versionId(workspaceId, campaignId, version);
  const found = await onStore(() => store.journeyVersions.findOne({ _id }));
  return found === null ? undefined : fromBinary(CampaignSchema, found.campaign.value());
}

/** Lets users in; those that are in stay where they are.
 *  @returns how many were not. */
export async function insertTravellers(store: Store, travellers: readonly TravellerDocument[]): Promise<number> {
  return travellers.length - (await insertNew(store.travellers, travellers)).length;
}

/** Some of those who have something to do by now. */
export function listTravellersDue(
  store: Store,
  { workspaceId, campaignId, now, limit }: { workspaceId: string; campaignId: string; now: Date; limit: number },
): Promise<TravellerDocument[]> {
  const filter = { workspaceId, campaignId, dueAt: { $lte: now } };
  return onStore(() => store.travellers.find(filter).limit(limit).toArray());
}

/** Puts each in the place of himself one step before, in one round trip; where another one was first, his step stands. */
export async function moveTravellers(store: Store, travellers: readonly TravellerDocument[]): Promise<void> {
  if (travellers.length === 0) return;
  const operations = travellers.map((traveller) => {
    // The condition stands in the update: there are planners that find a document by its id only if nothing else is asked of it.
    const isBefore = { $eq: ["$moves", traveller.moves - 1] };
    const update = [{ $replaceWith: { $cond: [isBefore, { $literal: traveller }, "$$ROOT"] } }];
    return { updateOne: { filter: { _id: traveller._id }, update } };
  });
  await onStore(() => store.travellers.bulkWrite(operations, { ordered: false }));
}

/** A user's ways through a campaign, newest first. */
export async function listTravellersOf(
  store: Store,
  { workspaceId, campaignId, userId }: { workspaceId: string; campaignId: string; userId: string },
): Promise<TravellerDocument[]> {
  const found = await onStore(() => store.travellers.find({ workspaceId, userId }).toArray());
  return found
    .filter((one) => one.campaignId === campaignId)
    .sort((a, b) => b.enteredAt.getTime() - a.enteredAt.getTime())
    .slice(0, LISTED_MAX);
}
