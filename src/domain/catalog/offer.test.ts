import { create } from "@bufbuild/protobuf";
import { describe, expect, it, test } from "vitest";
import { ProductSchema } from "../../../gen/intervention/v1/catalog_pb.js";
import { ContentSchema, GonePolicy } from "../../../gen/intervention/v1/intervention_pb.js";
import { toNewsContent } from "./news-content.ts";
import { findOfferNews, NO_OFFER, type Offer, toOffer } from "./offer.ts";

const offer = (priceMinor: bigint, isAvailable = true, currency = "EUR"): Offer => ({
  priceMinor,
  isAvailable,
  currency,
});

describe("news about an offer", () => {
  test.each<[string, Offer | undefined, Offer, string[]]>([
    ["none of one that was never there", undefined, offer(100n), []],
    ["none when nothing has changed", offer(100n), offer(100n), []],
    ["back in stock when there was none and now there is", offer(100n, false), offer(100n), ["back_in_stock"]],
    ["back in stock when it was out of the catalogue", NO_OFFER, offer(100n), ["back_in_stock"]],
    ["none when it sells out", offer(100n), offer(100n, false), []],
    ["a price drop when it costs less", offer(100n), offer(99n), ["price_drop"]],
    ["none when it costs more", offer(100n), offer(101n), []],
    ["none when it costs less and can't be had", offer(100n), offer(50n, false), []],
    ["none when another currency's number is lower", offer(100n), offer(50n, true, "USD"), []],
    ["both at once", offer(100n, false), offer(50n), ["back_in_stock", "price_drop"]],
  ])("is %s", (_, before, now, news) => {
    expect(findOfferNews(before, now)).toEqual(news);
  });
});

describe("an offer", () => {
  test.each([
    ["of what does not run out", {}, true],
    ["of the last one", { stock: 1 }, true],
    ["of none", { stock: 0 }, false],
  ])("%s can be had: %j %s", (_, stock, isAvailable) => {
    expect(toOffer(create(ProductSchema, stock)).isAvailable).toBe(isAvailable);
  });

  it("costs the reduced price", () => {
    const product = { price: { currency: "EUR", minor: 100n }, salePrice: { currency: "EUR", minor: 80n } };
    expect(toOffer(create(ProductSchema, product)).priceMinor).toBe(80n);
  });
});

describe("what followers see", () => {
  const product = (currency: string, minor: bigint) =>
    create(ProductSchema, { productId: "p", title: "Shoe", price: { currency, minor }, link: "https://shop.test/p" });

  test.each([
    ["EUR", 1_999n, "EUR 19.99"],
    ["EUR", 5n, "EUR 0.05"],
    ["JPY", 1_999n, "JPY 1999"],
    ["KWD", 1_999n, "KWD 1.999"],
    ["EUR", 9_223_372_036_854_775_807n, "EUR 92233720368547758.07"],
  ])("names a price in %s of %s as %s", (currency, minor, text) => {
    expect(toNewsContent("price_drop", product(currency, minor), undefined).body).toBe(text);
  });

  it("is the engine's own where the workspace has said nothing else", () => {
    expect(toNewsContent("back_in_stock", product("EUR", 100n), undefined)).toMatchObject({
      title: "Shoe is back in stock",
      productIds: ["p"],
      gonePolicy: GonePolicy.STOP,
      actions: [{ id: "open", url: "https://shop.test/p" }],
    });
  });

  it("is the workspace's, with the product's title and price filled in and nothing else taken for a name", () => {
    const template = create(ContentSchema, { title: "{title}!", body: "{price} {$&} {toString}" });
    const named = product("EUR", 100n);
    named.title = "A {price} $& shoe";
    expect(toNewsContent("price_drop", named, template)).toMatchObject({
      title: "A {price} $& shoe!",
      body: "EUR 1.00 {$&} {toString}",
    });
  });

  it("is cut where a title grows beyond its bound", () => {
    const named = product("EUR", 100n);
    named.title = "👟".repeat(200);
    expect([...toNewsContent("back_in_stock", named, undefined).title]).toHaveLength(200);
  });
});
