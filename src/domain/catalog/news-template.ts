import { create, type JsonObject } from "@bufbuild/protobuf";
import type { Product } from "../../../gen/intervention/v1/catalog_pb.js";
import { type Content, ContentSchema, GonePolicy } from "../../../gen/intervention/v1/intervention_pb.js";
import { type TemplateUse, TemplateUseSchema } from "../../../gen/intervention/v1/template_use_pb.js";

/** What followers see of news about a product, by a template: the product's own data are among its variables. News about what is
 *  gone again stops. */
export function toNewsTemplate(
  product: Product,
  use: TemplateUse,
): { readonly template: TemplateUse; readonly content: Content } {
  const { productId, title, link, imageUrl } = product;
  const price = product.salePrice ?? product.price;
  const known: JsonObject = {
    product_id: productId,
    title,
    ...(link === "" ? {} : { link }),
    ...(imageUrl === "" ? {} : { image_url: imageUrl }),
    ...(price === undefined ? {} : { price: { currency: price.currency, minor: Number(price.minor) } }),
  };
  return {
    template: create(TemplateUseSchema, { ...use, variables: { ...use.variables, ...known } }),
    content: create(ContentSchema, { productIds: [productId], gonePolicy: GonePolicy.STOP }),
  };
}
