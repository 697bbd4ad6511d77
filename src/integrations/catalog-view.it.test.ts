import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ProductSchema } from "../../gen/intervention/v1/catalog_pb.js";
import { putProducts, toProductDocument } from "../store/index.ts";
import { startParts } from "../testing/parts.ts";
import { until } from "../testing/until.ts";
import { CatalogView, tellProductsChanged } from "./catalog-view.ts";

describe("the catalogue as messages are made from it", () => {
  let parts: Awaited<ReturnType<typeof startParts>>;
  beforeAll(async () => {
    parts = await startParts();
  });
  afterAll(() => parts[Symbol.asyncDispose]());
  const put = (productId: string, title: string, atMs: number) => {
    const at = timestampFromMs(atMs);
    const product = create(ProductSchema, { productId, title, updateTime: at });
    return putProducts(parts.store, [toProductDocument({ workspaceId: "main", productId, product, at })]);
  };
  const start = (now: () => Date = () => new Date()) => new CatalogView({ bus: parts.bus, store: parts.store, now });
  const titleOf = async (view: CatalogView, id: string, maxAgeMs: number) =>
    (await view.findFresh("main", [id], { maxAgeMs })).get(id)?.product?.title;

  it("is never older than asked for, whatever was not heard", async () => {
    let now = 1_000_000;
    const view = start(() => new Date(now));
    await put("a", "one", 1_000);
    expect(await titleOf(view, "a", 5_000)).toBe("one");
    await put("a", "two", 2_000);
    now += 4_999;
    expect(await titleOf(view, "a", 5_000)).toBe("one");
    now += 1;
    const found = (await view.findFresh("main", ["a"], { maxAgeMs: 5_000 })).get("a");
    expect([found?.product?.title, found?.asOf.getTime()]).toEqual(["two", now]);
    await put("a", "three", 3_000);
    expect(await titleOf(view, "a", 0)).toBe("three");
    view.stop();
  });

  it("forgets what any process says has changed, also that a product was not there", async () => {
    const view = start();
    const hour = 3_600_000;
    expect(await titleOf(view, "b", hour)).toBeUndefined();
    await put("b", "new", 1_000);
    expect(await titleOf(view, "b", hour)).toBeUndefined();
    tellProductsChanged(parts.bus, "other", ["b"]);
    tellProductsChanged(parts.bus, "main", ["b"]);
    await until(async () => (await titleOf(view, "b", hour)) === "new", "the change is known");
    view.stop();
  });

  it("does not keep what has changed while it was read", async () => {
    await put("c", "old", 1_000);
    const { store } = parts;
    const view = new CatalogView({
      bus: parts.bus,
      store: {
        ...store,
        // The product changes, and that is heard, between the read in the store and its arrival.
        products: Object.assign(Object.create(store.products), {
          find: (...call: Parameters<typeof store.products.find>) => ({
            toArray: async () => {
              const read = await store.products.find(...call).toArray();
              await put("c", "new", 2_000);
              tellProductsChanged(parts.bus, "main", ["c"]);
              await parts.bus.nc.flush();
              return read;
            },
          }),
        }),
      },
    });
    expect(await titleOf(view, "c", 3_600_000)).toBe("old");
    expect(await titleOf(view, "c", 3_600_000)).toBe("new");
    view.stop();
  });
});
