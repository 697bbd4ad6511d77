import { type JsonObject, toDate, toInteger, toObject, toText } from "./json.ts";

/** An amount in the minor unit of its currency, such as cents. */
export interface Price {
  /** ISO 4217. */
  readonly currency: string;
  readonly minor: number;
}

/** A product as it was when the message was sent. */
export interface Product {
  readonly id: string;
  readonly title: string;
  readonly price: Price | undefined;
  /** Undefined: it was not reduced. */
  readonly salePrice: Price | undefined;
  /** Undefined: it does not run out. */
  readonly stock: number | undefined;
  /** May be empty. */
  readonly imageUrl: string;
  /** May be empty. */
  readonly link: string;
  /** When all this was so. */
  readonly asOf: Date | undefined;
}

export function parseProducts(value: unknown): readonly Product[] {
  return (Array.isArray(value) ? value : []).map((entry) => {
    const product = toObject(entry) ?? {};
    return {
      id: toText(product.productId),
      title: toText(product.title),
      price: parsePrice(toObject(product.price)),
      salePrice: parsePrice(toObject(product.salePrice)),
      stock: product.stock === undefined ? undefined : toInteger(product.stock),
      imageUrl: toText(product.imageUrl),
      link: toText(product.link),
      asOf: toDate(product.asOf),
    };
  });
}

function parsePrice(price: JsonObject | undefined): Price | undefined {
  return price && { currency: toText(price.currency), minor: toInteger(price.minor ?? 0) };
}
