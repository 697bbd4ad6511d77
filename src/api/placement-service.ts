import { randomBytes } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  type PlacementOffer,
  PlacementOfferSchema,
  type PlacementService,
} from "../../gen/intervention/v1/placement_service_pb.js";
import { AlreadyExists, NotAllowedNow, NotFound, StaleEtag } from "../domain/errors.ts";
import {
  deletePlacementOffer,
  findPlacementOffer,
  insertPlacementOffer,
  listPlacementOffers,
  replacePlacementOffer,
  toPlacementOffer,
  toPosition,
} from "../store/index.ts";
import { getService } from "./authenticate.ts";
import { type ChooseParts, OfferChooser } from "./choose-offers.ts";
import { parseBoth } from "./field-checks.ts";
import { readNewestFirst } from "./newest-first.ts";
import { parseOfferId, parseOfferName, toOfferName } from "./offer-name.ts";
import { applyOfferMask, parseOffer } from "./parse-offer.ts";
import { requireParent } from "./resource-name.ts";

const ID_BYTES = 8;
/** All of a workspace's are gone through for each page view. */
const OFFERS_MAX = 500;

/** What is offered in places of pages. */
export function placementService(parts: ChooseParts): ServiceImpl<typeof PlacementService> {
  const { now, store } = parts;
  const chooser = new OfferChooser(parts);
  const get = async (workspaceId: string, offerId: string): Promise<PlacementOffer> => {
    const found = await findPlacementOffer(store, workspaceId, offerId);
    if (found === undefined) throw new NotFound("placement offer", offerId);
    return found;
  };
  return {
    choose: (request, context) => chooser.choose(request, context),
    async createOffer({ parent, offerId: given, offer: wanted }, context) {
      const { workspace } = getService(context.values);
      requireParent(parent, workspace.id);
      const [offerId, parsed] = parseBoth(
        () => parseOfferId(given || randomBytes(ID_BYTES).toString("hex")),
        () => parseOffer(wanted, workspace.id),
      );
      const known = await listPlacementOffers(store, { workspaceId: workspace.id, limit: OFFERS_MAX });
      if (known.length >= OFFERS_MAX)
        throw new NotAllowedNow("OFFERS", workspace.id, `there are ${OFFERS_MAX} offers; delete one first`);
      const [createTime, updateTime] = [timestampFromDate(now()), timestampFromDate(now())];
      const name = toOfferName(workspace.id, offerId);
      const offer = create(PlacementOfferSchema, { ...parsed, name, offerId, createTime, updateTime });
      const position = toPosition(now(), offerId);
      const made = await insertPlacementOffer(store, { workspaceId: workspace.id, position, offer });
      if (made === undefined) throw new AlreadyExists("placement offer", offerId);
      return { offer: made };
    },
    async getOffer({ name }, context) {
      const { workspace } = getService(context.values);
      return { offer: await get(workspace.id, parseOfferName(name, workspace.id)) };
    },
    async listOffers(request, context) {
      const { page, nextPageToken } = await readNewestFirst("placement offers", request, context, (span) =>
        listPlacementOffers(store, span),
      );
      return { offers: page.map(toPlacementOffer), nextPageToken };
    },
    async updateOffer({ offer, updateMask }, context) {
      const { workspace } = getService(context.values);
      const wanted = offer ?? create(PlacementOfferSchema);
      const before = await get(workspace.id, parseOfferName(wanted.name, workspace.id, "offer.name"));
      if (wanted.etag !== "" && wanted.etag !== before.etag) throw new StaleEtag(before.name);
      const changed = applyOfferMask(before, wanted, updateMask?.paths ?? [], workspace.id);
      changed.updateTime = timestampFromDate(now());
      const replaced = await replacePlacementOffer(store, workspace.id, changed);
      if (replaced === undefined) throw new StaleEtag(before.name);
      return { offer: replaced };
    },
    async deleteOffer({ name }, context) {
      const { workspace } = getService(context.values);
      const offerId = parseOfferName(name, workspace.id);
      if (!(await deletePlacementOffer(store, workspace.id, offerId))) throw new NotFound("placement offer", offerId);
      return {};
    },
  };
}
