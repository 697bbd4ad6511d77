import { InvalidInput, NotFound } from "../domain/errors.ts";
import { show } from "./field-checks.ts";

const NAME = /^workspaces\/([^/]+)\/placementOffers\/([^/]+)$/;
const OFFER_ID = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** @throws InvalidInput */
export function parseOfferId(id: string): string {
  if (OFFER_ID.test(id)) return id;
  const description = `${show(id)} is not 1 to 63 of a-z, 0-9 and -, beginning with a letter or digit`;
  throw new InvalidInput([{ field: "offer_id", description }]);
}

export const toOfferName = (workspaceId: string, offerId: string) =>
  `workspaces/${workspaceId}/placementOffers/${offerId}`;

/** The id of the offer that a full name or an id alone stands for.
 *  @throws InvalidInput when it is neither; NotFound when it is in another workspace, or can't be an id of ours. */
export function parseOfferName(name: string, workspaceId: string, field = "name"): string {
  const full = NAME.exec(name);
  const id = full === null ? name : full[2];
  if (id === undefined || id === "" || id.includes("/")) {
    const description = `${show(name)} is neither workspaces/{workspace}/placementOffers/{offer} nor an offer's id`;
    throw new InvalidInput([{ field, description }]);
  }
  if ((full !== null && full[1] !== workspaceId) || !OFFER_ID.test(id)) throw new NotFound("placement offer", id);
  return id;
}
