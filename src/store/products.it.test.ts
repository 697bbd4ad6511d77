import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Product, ProductSchema } from "../../gen/intervention/v1/catalog_pb.js";
import { findOfferNews, toOffer } from "../domain/catalog/offer.ts";
import { startParts } from "../testing/parts.ts";
import { findProducts, listProducts, putProducts, type Store, toProductDocument } from "./index.ts";

type Init = Extract<MessageInitShape<typeof ProductSchema>, { $typeName?: never }>;

let made = 0;
function newId(): string {
  made += 1;
  return `p${made}`;
}

function toDocument(productId: string, atMs: number, changes: Init | "gone" = {}, workspaceId = "main") {
  const at = timestampFromMs(atMs);
  const product =
    changes === "gone"
      ? undefined
      : create(ProductSchema, {
          ...{ productId, title: "Shoe", price: { currency: "EUR", minor: 5_000n }, stock: 3, updateTime: at },
          ...changes,
        });
  return toProductDocument({ workspaceId, productId, product, at });
}

describe("the catalogue", () => {
  let parts: Awaited<ReturnType<typeof startParts>>;
  let store: Store;
  beforeAll(async () => {
    parts = await startParts();
    store = parts.store;
  });
  afterAll(() => parts[Symbol.asyncDispose]());
  const find = async (id: string): Promise<Product | undefined> => (await findProducts(store, "main", [id])).get(id);
  const kindsOf = async (...documents: ReturnType<typeof toDocument>[]) =>
    (await putProducts(store, documents)).map(({ kind }) => kind);

  it("keeps the later of two versions, whichever comes first", async () => {
    const id = newId();
    expect(await kindsOf(toDocument(id, 2_000, { title: "New" }))).toEqual(["created"]);
    expect(await kindsOf(toDocument(id, 1_000, { title: "Old" }))).toEqual(["stale"]);
    expect((await find(id))?.title).toBe("New");
    expect(await kindsOf(toDocument(id, 3_000, { title: "Newest" }))).toEqual(["updated"]);
    expect((await find(id))?.title).toBe("Newest");
  });

  it("says so when the very same version comes again", async () => {
    const id = newId();
    expect(await kindsOf(toDocument(id, 1_000))).toEqual(["created"]);
    expect(await kindsOf(toDocument(id, 1_000))).toEqual(["unchanged"]);
  });

  it("takes text that looks like the database's own language as it is", async () => {
    const id = newId();
    await putProducts(store, [toDocument(id, 1_000)]);
    await putProducts(store, [toDocument(id, 2_000, { category: "$offer/$$ROOT", title: "$title" })]);
    expect(await find(id)).toMatchObject({ category: "$offer/$$ROOT", title: "$title" });
    const found = await listProducts(store, {
      ...{ workspaceId: "main", category: "$offer", prefix: "", after: "", limit: 10 },
    });
    expect(found.map(({ productId }) => productId)).toEqual([id]);
  });

  it("does not bring back what was taken out when an older version comes late", async () => {
    const id = newId();
    await putProducts(store, [toDocument(id, 1_000)]);
    expect(await kindsOf(toDocument(id, 3_000, "gone"))).toEqual(["updated"]);
    expect(await kindsOf(toDocument(id, 2_000))).toEqual(["stale"]);
    expect(await find(id)).toBeUndefined();
    expect(await kindsOf(toDocument(id, 4_000))).toEqual(["updated"]);
    expect((await find(id))?.productId).toBe(id);
  });

  it("ends with the same product, in whatever order, pieces and repetition versions come", async () => {
    const version = fc.record({
      atMs: fc.integer({ min: 1, max: 6 }).map((at) => at * 1_000),
      change: fc.oneof(
        fc.constant("gone" as const),
        fc.record({
          stock: fc.integer({ min: 0, max: 2 }),
          price: fc.integer({ min: 1, max: 3 }).map((euros) => ({ currency: "EUR", minor: BigInt(euros * 100) })),
        }),
      ),
    });
    const runs = fc.array(version, { minLength: 1, maxLength: 6 }).chain((versions) =>
      fc.record({
        versions: fc.constant(versions),
        orders: fc.array(
          fc
            .shuffledSubarray([...versions, ...versions], { minLength: versions.length * 2 })
            .chain((shuffled) =>
              fc.record({ shuffled: fc.constant(shuffled), pieces: fc.integer({ min: 1, max: 4 }) }),
            ),
          { minLength: 2, maxLength: 2 },
        ),
      }),
    );
    await fc.assert(
      fc.asyncProperty(runs, async ({ versions, orders }) => {
        const id = newId();
        const documents = versions.map(({ atMs, change }) => toDocument(id, atMs, change));
        const latest = documents.reduce((a, b) => (b.version > a.version ? b : a));
        for (const { shuffled, pieces } of orders) {
          await store.products.deleteOne({ _id: latest._id });
          const all = shuffled.map(({ atMs, change }) => toDocument(id, atMs, change));
          for (let i = 0; i < all.length; i += pieces) await putProducts(store, all.slice(i, i + pieces));
          const standing = await store.products.findOne({ _id: latest._id });
          expect(standing?.version).toBe(latest.version);
          expect(standing?.product?.value()).toEqual(latest.product?.value());
        }
      }),
      { numRuns: 40 },
    );
  });

  it("tells each change of an offer to one of many writers that bring it at the same time", async () => {
    const id = newId();
    await putProducts(store, [toDocument(id, 1_000, { stock: 0 })]);
    const versions = Array.from({ length: 10 }, (_, i) => toDocument(id, 2_000 + i, { stock: i % 2 }));
    const outcomes = await Promise.all(versions.map(async (one) => (await putProducts(store, [one]))[0]));
    // Those that won replaced each other one by one: what each replaced is the winner before it.
    const winners = outcomes.flatMap((outcome, i) => (outcome?.kind === "updated" ? [{ outcome, i }] : []));
    let available = false;
    for (const { outcome, i } of winners) {
      expect(outcome.before?.isAvailable).toBe(available);
      available = i % 2 === 1;
    }
    expect(winners.at(-1)?.i).toBe(9);
  });

  it("does not put a version over a later one that comes while it looks", async () => {
    const id = newId();
    await putProducts(store, [toDocument(id, 1_000)]);
    let reads = 0;
    const slow: Store = {
      ...store,
      products: Object.assign(Object.create(store.products), {
        find: (...call: Parameters<typeof store.products.find>) => ({
          async toArray() {
            const read = await store.products.find(...call).toArray();
            reads += 1;
            if (reads === 1) await putProducts(store, [toDocument(id, 3_000, { title: "Later" })]);
            return read;
          },
        }),
      }),
    };
    expect((await putProducts(slow, [toDocument(id, 2_000)]))[0]?.kind).toBe("stale");
    expect((await find(id))?.title).toBe("Later");
  });

  it("finds the change again when the same version is put in again, as after a crash in between", async () => {
    const id = newId();
    await putProducts(store, [toDocument(id, 1_000, { stock: 0 })]);
    const back = create(ProductSchema, { stock: 2, price: { currency: "EUR", minor: 5_000n } });
    const document = toDocument(id, 2_000, { stock: 2 });
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const [outcome] = await putProducts(store, [document]);
      expect(findOfferNews(outcome?.before, toOffer(back))).toEqual(["back_in_stock"]);
    }
  });

  it("lists by id what lies in a category or below it, page by page, without what was taken out", async () => {
    const ids = ["l-a", "l-b", "l-c", "l-d", "l-e"];
    const categories = ["shoes/running", "shoes", "shoes/running/trail", "bags", "shoes/running"];
    await putProducts(
      store,
      ids.map((id, i) => toDocument(id, 1_000, { category: categories[i] ?? "" })),
    );
    await putProducts(store, [toDocument("l-e", 2_000, "gone")]);
    await putProducts(store, [toDocument("l-a", 1_000, { category: "shoes" }, "other")]);
    const list = async (options: { category?: string; prefix?: string; after?: string; limit?: number }) =>
      (
        await listProducts(store, {
          ...{ workspaceId: "main", category: "", prefix: "", after: "", limit: 10 },
          ...options,
        })
      ).map(({ productId }) => productId);
    expect(await list({ category: "shoes" })).toEqual(["l-a", "l-b", "l-c"]);
    expect(await list({ category: "shoes/running" })).toEqual(["l-a", "l-c"]);
    expect(await list({ prefix: "l-", limit: 2 })).toEqual(["l-a", "l-b"]);
    expect(await list({ prefix: "l-", after: "l-b", limit: 10 })).toEqual(["l-c", "l-d"]);
    expect(await list({ prefix: "l-c" })).toEqual(["l-c"]);
  });

  it.each([
    { what: "by id", filter: { workspaceId: "main", listedAs: { $gte: "l-", $lt: "l-\u{10ffff}" } } },
    { what: "by category", filter: { workspaceId: "main", categories: "shoes", listedAs: { $gt: "l-" } } },
  ])("is listed $what out of an index", async ({ filter }) => {
    const plan = JSON.stringify(await store.products.find(filter).explain("queryPlanner"));
    expect(plan).toContain("IXSCAN");
    expect(plan).not.toContain("COLLSCAN");
  });
});
