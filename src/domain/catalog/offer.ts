import type { Product } from "../../../gen/intervention/v1/catalog_pb.js";

/** What a shopper can have of a product. */
export type Offer = {
  /** Whether it is in the catalogue and not out of stock. */
  readonly isAvailable: boolean;
  /** ISO 4217; empty when it is not in the catalogue. */
  readonly currency: string;
  /** What it costs, reductions included, in minor units. */
  readonly priceMinor: bigint;
};

/** What the catalogue tells followers of by itself. */
export type OfferNews = "back_in_stock" | "price_drop";

export const NO_OFFER: Offer = { isAvailable: false, currency: "", priceMinor: 0n };

export function toOffer(product: Product): Offer {
  const price = product.salePrice ?? product.price;
  return {
    isAvailable: product.stock === undefined || product.stock > 0,
    currency: price?.currency ?? "",
    priceMinor: price?.minor ?? 0n,
  };
}

/** What is news about an offer that took the place of another. A drop of what can't be had is none, and neither is a lower
 *  number of another currency.
 *  @param before undefined when the product was never there: then nothing has come back, and nothing become cheaper. */
export function findOfferNews(before: Offer | undefined, now: Offer): OfferNews[] {
  if (before === undefined || !now.isAvailable) return [];
  const news: OfferNews[] = [];
  if (!before.isAvailable) news.push("back_in_stock");
  if (before.currency === now.currency && now.priceMinor < before.priceMinor) news.push("price_drop");
  return news;
}

/** The topic that followers of such news subscribe to. */
export const toProductTopic = (productId: string, news: OfferNews) => `product:${productId}:${news}`;
