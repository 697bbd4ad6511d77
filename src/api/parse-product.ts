import { create, type JsonObject } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromDate, timestampMs } from "@bufbuild/protobuf/wkt";
import { z } from "zod";
import { type Product, ProductSchema } from "../../gen/intervention/v1/catalog_pb.js";
import {
  type Check,
  checked,
  currency,
  httpUrl,
  jsonUpTo,
  orEmpty,
  parseFields,
  show,
  text,
  timestamp,
} from "./field-checks.ts";
import { USER_ID } from "./parse-trigger.ts";

const ATTRIBUTES_BYTES_MAX = 16_384;
const STOCK_MAX = 2 ** 31 - 1;
const CATEGORY_PARTS_MAX = 8;
const CATEGORY_PART_MAX = 64;
/** A shop's clock may be ahead by this much. What claims to be later would shut out every true version until then. */
const AHEAD_MS_MAX = 5 * 60_000;

const notNegative: Check<bigint> = (value) => (value >= 0n ? undefined : `${value} is below 0`);
const category: Check<string> = (value) => {
  const parts = value.split("/");
  const isRight =
    parts.length <= CATEGORY_PARTS_MAX &&
    parts.every((part) => part.length > 0 && part.length <= CATEGORY_PART_MAX && part.isWellFormed());
  return isRight ? undefined : `${show(value)} is not up to 8 names of 1 to 64 characters with "/" between them`;
};
const stock: Check<number> = (value) =>
  Number.isInteger(value) && value >= 0 && value <= STOCK_MAX ? undefined : `${value} is not 0 or more`;
const moneySchema = z.object(
  { currency: checked(currency), minor: checked(notNegative) },
  { error: "it is missing; it says what the product costs" },
);
const timeSchema = { updateTime: checked(timestamp).optional(), now: z.date() };

/** A time counts only if it is one that a shop can have. */
function refineTime({ updateTime, now }: { updateTime?: Timestamp | undefined; now: Date }, context: z.RefinementCtx) {
  if (updateTime === undefined) return;
  const ms = timestampMs(updateTime);
  if (ms >= 0 && ms <= now.getTime() + AHEAD_MS_MAX) return;
  const message = `${updateTime.seconds} s is before 1970 or more than 5 minutes ahead of the engine's clock`;
  context.addIssue({ code: "custom", path: ["updateTime"], message });
}

export const CATEGORY = category;
const PRODUCT_ID = checked(...USER_ID);

const productSchema = z
  .object({
    productId: PRODUCT_ID,
    title: checked(text({ min: 1, max: 200 })),
    price: moneySchema,
    salePrice: moneySchema.optional(),
    stock: checked(stock).optional(),
    imageUrl: checked(orEmpty(httpUrl)),
    link: checked(orEmpty(httpUrl)),
    category: checked(orEmpty(category)),
    attributes: checked<JsonObject>(jsonUpTo(ATTRIBUTES_BYTES_MAX)).optional(),
    ...timeSchema,
  })
  .superRefine(refineTime)
  .superRefine(({ price, salePrice }, context) => {
    if (salePrice === undefined) return;
    if (salePrice.currency === price.currency && salePrice.minor <= price.minor) return;
    const message = `${salePrice.minor} ${salePrice.currency} is not the price of ${price.minor} ${price.currency} or less`;
    context.addIssue({ code: "custom", path: ["salePrice"], message });
  });

const deletionSchema = z.object({ productId: PRODUCT_ID, ...timeSchema }).superRefine(refineTime);

/** A product in which everything is right, with its time.
 *  @throws InvalidInput naming every bad field. */
export function parseProduct(product: Product, now: Date): { readonly product: Product; readonly at: Timestamp } {
  const fields = parseFields(productSchema, { ...product, now });
  const { productId, title, price, salePrice, imageUrl, link, attributes } = fields;
  const at = fields.updateTime ?? timestampFromDate(now);
  // Made anew, so that nothing this version does not know gets in.
  return {
    at,
    product: create(ProductSchema, {
      ...{ productId, title, price, imageUrl, link, category: fields.category, updateTime: at },
      ...(salePrice === undefined ? {} : { salePrice }),
      ...(fields.stock === undefined ? {} : { stock: fields.stock }),
      ...(attributes === undefined ? {} : { attributes }),
    }),
  };
}

/** @throws InvalidInput naming every bad field. */
export function parseDeletion(
  request: { readonly productId: string; readonly updateTime?: Timestamp | undefined },
  now: Date,
): { readonly productId: string; readonly at: Timestamp } {
  const { productId, updateTime } = parseFields(deletionSchema, { ...request, now });
  return { productId, at: updateTime ?? timestampFromDate(now) };
}

const idSchema = z.object({ productId: PRODUCT_ID });

/** @throws InvalidInput */
export const parseProductId = (request: { readonly productId: string }): string =>
  parseFields(idSchema, request).productId;
