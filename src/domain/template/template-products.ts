import { create } from "@bufbuild/protobuf";
import type { Product, SentProduct } from "../../../gen/intervention/v1/catalog_pb.js";
import { ContentSchema } from "../../../gen/intervention/v1/intervention_pb.js";
import { toProductStates } from "../catalog/product-states.ts";
import type { Facts } from "../condition/compile-condition.ts";

/** Products of the catalogue that can be had, for variables `from` `catalog.cart` and `catalog.recommended`. */
export type TemplateProducts = { readonly cart: readonly SentProduct[]; readonly recommended: readonly SentProduct[] };
export const CATALOG_FROM: ReadonlySet<string> = new Set(["catalog.cart", "catalog.recommended"]);

const PRODUCTS_MAX = 20;

/** The ids of what is in the cart, and of what a prediction recommends: its product, and its feature `product_ids`. */
export function toTemplateProductIds({ context, prediction }: Pick<Facts, "context" | "prediction">) {
  const named = prediction?.features?.product_ids;
  const listed = Array.isArray(named) ? named.filter((id) => typeof id === "string") : [];
  const distinct = (ids: readonly string[]) => [...new Set(ids.filter((id) => id !== ""))].slice(0, PRODUCTS_MAX);
  return {
    cart: distinct(context?.items.map(({ productId }) => productId) ?? []),
    recommended: distinct([prediction?.productId ?? "", ...listed]),
  };
}

/** Those of them that can be had. */
export function toTemplateProducts(
  ids: ReturnType<typeof toTemplateProductIds>,
  found: ReadonlyMap<string, Product>,
  asOf: Date,
): TemplateProducts {
  const products = new Map([...found].map(([id, product]) => [id, { product, asOf }]));
  const available = (productIds: readonly string[]) =>
    toProductStates(create(ContentSchema, { productIds: [...productIds] }), products)?.available ?? [];
  return { cart: available(ids.cart), recommended: available(ids.recommended) };
}
