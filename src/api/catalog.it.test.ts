import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, toAnswer } from "./testing/grpc-client.ts";
import { startCallers } from "./testing/start-callers.ts";

const SERVICE = "intervention.v1.CatalogService";
const shoe = (id: string, more: object = {}) => ({
  ...{ productId: id, title: "Shoe", price: { currency: "EUR", minor: 5_000 }, stock: 3, category: "shoes/running" },
  updateTime: { seconds: 1_000 },
  ...more,
});

describe("the catalogue, by a client of its own", () => {
  let api: Awaited<ReturnType<typeof startCallers>>;
  beforeAll(async () => {
    api = await startCallers(SERVICE);
  });
  afterAll(() => api[Symbol.asyncDispose]());
  const call = (method: string, request: object) => api.call(method, request);
  const violationsOf = ({ details }: Answer) =>
    details.flatMap(({ fieldViolations }) => (Array.isArray(fieldViolations) ? fieldViolations : []));
  const fieldsOf = (answer: Answer) => violationsOf(answer).map(({ field }) => field);

  it("keeps what it is given, and the newer of two versions", async () => {
    expect((await call("Upsert", { product: shoe("p1") })).body).toEqual({ outcome: "UPSERT_OUTCOME_CREATED" });
    expect((await call("Upsert", { product: shoe("p1") })).body).toEqual({ outcome: "UPSERT_OUTCOME_UNCHANGED" });
    const older = { product: shoe("p1", { title: "Old", updateTime: { seconds: 999 } }) };
    expect((await call("Upsert", older)).body).toEqual({ outcome: "UPSERT_OUTCOME_STALE" });
    const { body } = await call("Get", { productId: "p1" });
    expect(body.product).toMatchObject({ title: "Shoe", price: { currency: "EUR", minor: "5000" }, stock: 3 });
  });

  it("takes a product out, and tells a stranger of none", async () => {
    await call("Upsert", { product: shoe("p2") });
    expect((await api.callAsStranger("Get", { productId: "p2" })).code).toBe(5);
    expect((await call("Delete", { productId: "p2", updateTime: { seconds: 2_000 } })).body).toEqual({
      outcome: "UPSERT_OUTCOME_UPDATED",
    });
    expect((await call("Get", { productId: "p2" })).code).toBe(5);
    expect((await call("Upsert", { product: shoe("p2", { updateTime: { seconds: 1_500 } }) })).body).toEqual({
      outcome: "UPSERT_OUTCOME_STALE",
    });
  });

  it("gives each product of a batch a result of its own", async () => {
    const products = [shoe("b1"), shoe("b2", { title: "", price: undefined }), shoe("b3")];
    const { body } = await call("BatchUpsert", { products });
    const results = JSON.parse(JSON.stringify(body.results));
    expect(results[0].outcome).toBe("UPSERT_OUTCOME_CREATED");
    expect(results[1].error).toMatchObject({ code: 3 });
    expect(results[1].error.message).toContain("products[1].title");
    expect(results[1].error.message).toContain("products[1].price");
    expect(results[2].outcome).toBe("UPSERT_OUTCOME_CREATED");
  });

  it("lists a category page by page", async () => {
    const products = Array.from({ length: 5 }, (_, i) => shoe(`c${i}`, { category: i === 4 ? "bags" : "hats/straw" }));
    await call("BatchUpsert", { products });
    const ids: unknown[] = [];
    let pageToken: unknown = "";
    do {
      const { body } = await call("List", { category: "hats", pageSize: 3, pageToken });
      if (Array.isArray(body.products)) ids.push(...body.products.map(({ productId }) => productId));
      pageToken = body.nextPageToken;
    } while (pageToken !== "");
    expect(ids).toEqual(["c0", "c1", "c2", "c3"]);
    expect((await call("List", { productIdPrefix: "c4" })).body.products).toHaveLength(1);
  });

  it.each([
    { what: "no product", request: {}, fields: ["product"] },
    {
      what: "all fields at once",
      request: {
        product: shoe("", {
          ...{ title: "", price: { currency: "euro", minor: -1 }, stock: -1, imageUrl: "/a.png", link: "ftp://x" },
          ...{ category: "a//b", updateTime: { seconds: -1 } },
        }),
      },
      fields: [
        ...["product.product_id", "product.title", "product.price.currency", "product.price.minor", "product.stock"],
        ...["product.image_url", "product.link", "product.category", "product.update_time"],
      ],
    },
    {
      what: "a reduced price above the price",
      request: { product: shoe("x", { salePrice: { currency: "EUR", minor: 5_001 } }) },
      fields: ["product.sale_price"],
    },
    {
      what: "a time that would shut out every later version",
      request: { product: shoe("x", { updateTime: { seconds: 4_000_000_000 } }) },
      fields: ["product.update_time"],
    },
  ])("refuses $what by name, and changes nothing", async ({ request, fields }) => {
    const answer = await call("Upsert", request);
    expect(answer.code).toBe(3);
    expect(fieldsOf(answer)).toEqual(fields);
    expect((await call("Get", { productId: "x" })).code).toBe(5);
  });

  describe("import", () => {
    type Report = Record<string, unknown> & { badRows: Record<string, unknown>[] };
    const send = (format: string, pieces: readonly Buffer[]): Promise<{ code: number; reports: Report[] }> =>
      new Promise((resolve) => {
        const stream = api.client.bidiStream(`${SERVICE}/Import`);
        const reports: Report[] = [];
        stream.on("data", (report: Report) => reports.push(report));
        stream.on("error", (error: Parameters<typeof toAnswer>[0]) => resolve({ code: toAnswer(error).code, reports }));
        stream.on("end", () => resolve({ code: 0, reports }));
        stream.write({ format });
        for (const data of pieces) stream.write({ data });
        stream.end();
      });
    /** Cut where it hurts: in the middle of rows and of characters. */
    const cut = (text: string, size: number) => {
      const bytes = Buffer.from(text);
      return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
    };
    const badRowsOf = (reports: Report[]) => reports.flatMap(({ badRows }) => badRows);

    it("keeps the good rows of a CSV file and reports every bad one by its line", async () => {
      const csv = [
        "\u{feff}product_id,title,currency,price_minor,stock,category,attributes,update_time",
        'v1,"Schöner ""Schuh"", rot",EUR,1999,3,shoes,"{""size"": 42}",2026-01-01T00:00:00Z',
        "v2,No price,EUR,,1,,,",
        "v3,Bad price,EUR,12.5,1,,,",
        "v4,Too few",
        "v5,Fine,EUR,100,,,,",
        ",No id,EUR,100,,,,",
        "v6,Bad JSON,EUR,100,,,{,",
      ].join("\n");
      const { code, reports } = await send("IMPORT_FORMAT_CSV", cut(csv, 7));
      expect(code).toBe(0);
      expect(reports.at(-1)).toMatchObject({ rowCount: "7", createdCount: "2", badCount: "5", isDone: true });
      expect(badRowsOf(reports).map(({ line, productId }) => [line, productId])).toEqual([
        ["3", "v2"],
        ["4", "v3"],
        ["5", "v4"],
        ["7", ""],
        ["8", "v6"],
      ]);
      const { body } = await call("Get", { productId: "v1" });
      expect(body.product).toMatchObject({ title: 'Schöner "Schuh", rot', stock: 3, category: "shoes" });
    });

    it("reads lines of JSON, however they are cut, and tells how far it has come", async () => {
      const rows = Array.from({ length: 1_200 }, (_, i) =>
        JSON.stringify({ productId: `n${i}`, title: "ü", price: { currency: "EUR", minor: "100" } }),
      );
      rows.splice(
        600,
        0,
        "{not JSON",
        "",
        JSON.stringify({ productId: "nx", colour: "red" }),
        `"${"x".repeat(70_000)}"`,
      );
      const { code, reports } = await send("IMPORT_FORMAT_NDJSON", cut(`${rows.join("\r\n")}\r\n`, 1_001));
      expect(code).toBe(0);
      expect(reports.length).toBe(3);
      expect(reports.map(({ isDone }) => isDone)).toEqual([false, false, true]);
      expect(reports.at(-1)).toMatchObject({ rowCount: "1203", createdCount: "1200", badCount: "3" });
      expect(badRowsOf(reports).map(({ line }) => line)).toEqual(["601", "603", "604"]);
    });

    it("changes nothing when the same file with times comes again", async () => {
      const csv = `product_id,title,currency,price_minor,update_time\nr1,One,EUR,1,2026-01-01T00:00:00Z\n`;
      expect((await send("IMPORT_FORMAT_CSV", cut(csv, 30))).reports.at(-1)).toMatchObject({ createdCount: "1" });
      expect((await send("IMPORT_FORMAT_CSV", cut(csv, 30))).reports.at(-1)).toMatchObject({ unchangedCount: "1" });
    });

    it.each([
      { what: "no format", format: "IMPORT_FORMAT_UNSPECIFIED", text: "{}" },
      {
        what: "a column that is not known",
        format: "IMPORT_FORMAT_CSV",
        text: "product_id,title,currency,price_minor,color\n",
      },
      { what: "a column that is missing", format: "IMPORT_FORMAT_CSV", text: "product_id,title,currency\na,b,c\n" },
    ])("refuses a file with $what", async ({ format, text }) => {
      expect((await send(format, cut(text, 10))).code).toBe(3);
    });
  });
});
