import type { JsonObject } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { SentProduct } from "../../gen/intervention/v1/catalog_pb.js";
import type { Money } from "../../gen/intervention/v1/shopper_pb.js";

/** The JSON mapping of a product in a frame, equal to what `toJson` makes of it. */
export function toSentProductJson(product: SentProduct, toTime: (time: Timestamp) => string): JsonObject {
  const json: JsonObject = {};
  if (product.productId !== "") json.productId = product.productId;
  if (product.title !== "") json.title = product.title;
  if (product.price !== undefined) json.price = toMoneyJson(product.price);
  if (product.salePrice !== undefined) json.salePrice = toMoneyJson(product.salePrice);
  if (product.stock !== undefined) json.stock = product.stock;
  if (product.imageUrl !== "") json.imageUrl = product.imageUrl;
  if (product.link !== "") json.link = product.link;
  if (product.asOf !== undefined) json.asOf = toTime(product.asOf);
  if (product.updateTime !== undefined) json.updateTime = toTime(product.updateTime);
  return json;
}

function toMoneyJson({ currency, minor }: Money): JsonObject {
  const json: JsonObject = {};
  if (currency !== "") json.currency = currency;
  if (minor !== 0n) json.minor = String(minor);
  return json;
}
