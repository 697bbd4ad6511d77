import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type Product,
  type ProductStates,
  ProductStatesSchema,
  type SentProduct,
  SentProductSchema,
} from "../../../gen/intervention/v1/catalog_pb.js";
import { type Content, GonePolicy } from "../../../gen/intervention/v1/intervention_pb.js";
import { toOffer } from "./offer.ts";

/** A product as the catalogue had it at a time; without one when it did not have it. */
export type FoundProduct = { readonly product: Product | undefined; readonly asOf: Date };

/** What is known of the products that a content names: undefined when it names none.
 *  @param found by product id. */
export function toProductStates(
  content: Pick<Content, "productIds" | "gonePolicy"> | undefined,
  found: ReadonlyMap<string, FoundProduct>,
): ProductStates | undefined {
  if (content === undefined || content.productIds.length === 0) return undefined;
  const available: SentProduct[] = [];
  const gone: string[] = [];
  for (const id of content.productIds) {
    const { product, asOf } = found.get(id) ?? {};
    if (product === undefined || asOf === undefined || !toOffer(product).isAvailable) gone.push(id);
    else available.push(toSentProduct(product, asOf));
  }
  return create(ProductStatesSchema, {
    gonePolicy: content.gonePolicy || GonePolicy.LEAVE_OUT,
    available,
    gone,
  });
}

/** Whether its policy keeps a message about these products from being shown. */
export function isStopped({ gonePolicy, available, gone }: ProductStates): boolean {
  if (gonePolicy === GonePolicy.STOP) return gone.length > 0;
  return gonePolicy === GonePolicy.STOP_WHEN_NONE_LEFT && available.length === 0;
}

function toSentProduct(product: Product, asOf: Date): SentProduct {
  const { productId, title, price, salePrice, stock, imageUrl, link, updateTime } = product;
  return create(SentProductSchema, {
    ...{ productId, title, imageUrl, link },
    asOf: timestampFromDate(asOf),
    ...(price === undefined ? {} : { price }),
    ...(salePrice === undefined ? {} : { salePrice }),
    ...(stock === undefined ? {} : { stock }),
    ...(updateTime === undefined ? {} : { updateTime }),
  });
}
