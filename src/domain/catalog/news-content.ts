import { create } from "@bufbuild/protobuf";
import type { Product } from "../../../gen/intervention/v1/catalog_pb.js";
import { ActionSchema, type Content, ContentSchema, GonePolicy } from "../../../gen/intervention/v1/intervention_pb.js";
import type { Money } from "../../../gen/intervention/v1/shopper_pb.js";
import type { OfferNews } from "./offer.ts";

/** The bounds of a content's title and body, in characters. */
const TITLE_MAX = 200;
const BODY_MAX = 4_000;

const TITLES: Readonly<Record<OfferNews, string>> = {
  back_in_stock: "{title} is back in stock",
  price_drop: "{title} costs less now",
};

/** What followers see of news about a product. News about what is gone again is not worth reading, so that stops it unless told
 *  otherwise.
 *  @param template of the workspace, with `{title}` and `{price}` in title and body. Default: one of the engine's. */
export function toNewsContent(news: OfferNews, product: Product, template: Content | undefined): Content {
  const price = toPriceText(product.salePrice ?? product.price);
  const fill = (text: string, max: number) => {
    const filled = text.replaceAll(/\{(title|price)\}/g, (_, name) => (name === "title" ? product.title : price));
    return [...filled].slice(0, max).join("");
  };
  const base =
    template ??
    create(ContentSchema, {
      title: TITLES[news],
      body: "{price}",
      imageUrl: product.imageUrl,
      actions: product.link === "" ? [] : [create(ActionSchema, { id: "open", label: "Open", url: product.link })],
    });
  return create(ContentSchema, {
    ...base,
    title: fill(base.title, TITLE_MAX),
    body: fill(base.body, BODY_MAX),
    productIds: [product.productId],
    gonePolicy: base.gonePolicy || GonePolicy.STOP,
  });
}

/** An amount as people write it: `EUR 19.99`, with as many decimals as its currency has. */
function toPriceText(money: Money | undefined): string {
  if (money === undefined) return "";
  const format = new Intl.NumberFormat("en", { style: "currency", currency: money.currency, currencyDisplay: "code" });
  const decimals = format.resolvedOptions().maximumFractionDigits ?? 0;
  const digits = String(money.minor).padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  return `${money.currency} ${whole}${decimals === 0 ? "" : `.${digits.slice(-decimals)}`}`;
}
