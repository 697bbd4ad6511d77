import { randomUUID } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Binary } from "mongodb";
import { type PlacementOffer, PlacementOfferSchema } from "../../gen/intervention/v1/placement_service_pb.js";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

/** An offer for a place in pages. */
export type PlacementOfferDocument = {
  /** `{workspace}/{offer}`. */
  readonly _id: string;
  readonly workspaceId: string;
  /** `toPosition` of the time it was made and its id: what lists are ordered by. */
  readonly position: string;
  /** Another one with each change. */
  readonly etag: string;
  /** PlacementOffer, without its etag. */
  readonly offer: Binary;
};

export const placementOfferIndexes = [
  { name: "by_position", key: { workspaceId: 1, position: -1 } },
] as const satisfies readonly IndexDefinition[];

/** Reads the body back, with its etag. */
export function toPlacementOffer({ offer, etag }: Pick<PlacementOfferDocument, "offer" | "etag">): PlacementOffer {
  const message = fromBinary(PlacementOfferSchema, offer.value());
  message.etag = etag;
  return message;
}

const toId = (workspaceId: string, offerId: string) => `${workspaceId}/${offerId}`;
const toBody = (offer: PlacementOffer) =>
  new Binary(toBinary(PlacementOfferSchema, create(PlacementOfferSchema, { ...offer, etag: "" })));

/** Makes an offer.
 *  @returns undefined when its id is taken. */
export async function insertPlacementOffer(
  store: Store,
  {
    workspaceId,
    position,
    offer,
  }: Pick<PlacementOfferDocument, "workspaceId" | "position"> & { offer: PlacementOffer },
): Promise<PlacementOffer | undefined> {
  const document = { workspaceId, position, etag: randomUUID(), offer: toBody(offer) };
  const conflicts = await insertNew(store.placementOffers, [{ _id: toId(workspaceId, offer.offerId), ...document }]);
  return conflicts.length > 0 ? undefined : toPlacementOffer(document);
}

export async function findPlacementOffer(
  store: Store,
  workspaceId: string,
  offerId: string,
): Promise<PlacementOffer | undefined> {
  const found = await onStore(() => store.placementOffers.findOne({ _id: toId(workspaceId, offerId) }));
  return found === null ? undefined : toPlacementOffer(found);
}

/** Puts an offer in the place of the one with its etag.
 *  @returns undefined when someone was first. */
export async function replacePlacementOffer(
  store: Store,
  workspaceId: string,
  offer: PlacementOffer,
): Promise<PlacementOffer | undefined> {
  const etag = randomUUID();
  // The condition stands in the update, not in the filter: see `saveShopper`.
  const isOurs = { $eq: ["$etag", offer.etag] };
  const update = [
    {
      $set: {
        offer: { $cond: [isOurs, { $literal: toBody(offer) }, "$offer"] },
        etag: { $cond: [isOurs, { $literal: etag }, "$etag"] },
      },
    },
  ];
  const _id = toId(workspaceId, offer.offerId);
  const found = await onStore(() =>
    store.placementOffers.findOneAndUpdate({ _id }, update, { returnDocument: "after" }),
  );
  return found?.etag === etag ? toPlacementOffer(found) : undefined;
}

/** A page, newest first. A workspace's offers are few enough to be sorted. */
export function listPlacementOffers(
  store: Store,
  options: { readonly workspaceId: string; readonly before?: string; readonly limit: number },
): Promise<PlacementOfferDocument[]> {
  // Positions begin with a digit.
  const filter = { workspaceId: options.workspaceId, position: { $lt: options.before ?? ":" } };
  return onStore(() => store.placementOffers.find(filter).sort({ position: -1 }).limit(options.limit).toArray());
}

/** @returns whether there was one. */
export async function deletePlacementOffer(store: Store, workspaceId: string, offerId: string): Promise<boolean> {
  const { deletedCount } = await onStore(() => store.placementOffers.deleteOne({ _id: toId(workspaceId, offerId) }));
  return deletedCount > 0;
}
