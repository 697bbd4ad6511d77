import { createHash } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { type Product, ProductSchema } from "../../../gen/intervention/v1/catalog_pb.js";
import { sortNames } from "../sort-names.ts";

const SECONDS_DIGITS = 12;
const NANOS_DIGITS = 9;
const HASH_DIGITS = 16;

/** Orders the versions of a product: by the shop's time, and at the same time by their content, so that the same one stands in
 *  whatever order they come. Equal only for the same content at the same time.
 *  @param product undefined for its deletion. @param at not before 1970. */
export function toProductVersion(product: Product | undefined, at: Timestamp): string {
  const body =
    product === undefined
      ? new Uint8Array()
      : toBinary(
          ProductSchema,
          // Some clients send maps in random order, and the clock is in the version already.
          create(ProductSchema, {
            ...product,
            updateTime: at,
            ...(product.attributes === undefined ? {} : { attributes: sortNames(product.attributes) }),
          }),
        );
  const hash = createHash("sha256").update(body).digest("hex").slice(0, HASH_DIGITS);
  return `${String(at.seconds).padStart(SECONDS_DIGITS, "0")}${String(at.nanos).padStart(NANOS_DIGITS, "0")}-${hash}`;
}
