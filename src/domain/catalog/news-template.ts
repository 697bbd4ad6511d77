import { create, type JsonObject } from "@bufbuild/protobuf";
import type { Product } from "../../../gen/intervention/v1/catalog_pb.js";
import { type Content, ContentSchema, GonePolicy } from "../../../gen/intervention/v1/intervention_pb.js";
import type { Money } from "../../../gen/intervention/v1/shopper_pb.js";
import { type TemplateUse, TemplateUseSchema } from "../../../gen/intervention/v1/template_use_pb.js";

/** What followers see of news about a product, by a template: the product's own data are among its variables. News about what is
 *  gone again stops. */
export function toNewsTemplate(
  product: Product,
  use: TemplateUse,
): { readonly template: TemplateUse; readonly content: Content } {
  const { productId, title, link, imageUrl, salePrice } = product;
  const price = salePrice ?? product.price;
  const known: JsonObject = {
    product_id: productId,
    title,
    ...(link === "" ? {} : { link }),
    ...(imageUrl === "" ? {} : { image_url: imageUrl }),
    ...(price === undefined ? {} : { price: toJsonMoney(price) }),
    ...(salePrice === undefined || product.price === undefined ? {} : { regular_price: toJsonMoney(product.price) }),
  };
  return {
    template: create(TemplateUseSchema, { ...use, variables: { ...use.variables, ...known } }),
    content: create(ContentSchema, { productIds: [productId], gonePolicy: GonePolicy.STOP }),
  };
}

const toJsonMoney = ({ currency, minor }: Money): JsonObject => ({ currency, minor: Number(minor) });
