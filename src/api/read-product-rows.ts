import { Buffer } from "node:buffer";
import { fromJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { type Product, ProductSchema } from "../../gen/intervention/v1/catalog_pb.js";
import { InvalidInput } from "../domain/errors.ts";
import { readCsvRecords } from "./csv-records.ts";

/** A row of a file of products: one that could be read, or why not. */
export type ProductRow = { readonly line: number; readonly productId: string } & (
  | { readonly product: Product }
  | { readonly problem: string }
);

const ROW_BYTES_MAX = 65_536;
const NEWLINE = 0x0a;
/** More of one is not worth reporting. */
const PRODUCT_ID_MAX = 128;

const REQUIRED = ["product_id", "title", "currency", "price_minor"];
const COLUMNS = [
  ...REQUIRED,
  ...["sale_price_minor", "stock", "image_url", "link", "category", "attributes", "update_time"],
];

/** Reads lines of JSON. Holds no more than one row, whatever the pieces are like. */
export async function* readNdjson(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<ProductRow> {
  let line = 0;
  for await (const bytes of splitLines(pieces)) {
    line += 1;
    if (bytes === undefined) yield { line, productId: "", problem: `the row has more than ${ROW_BYTES_MAX} bytes` };
    else {
      const row = toRow(line, () => parseLine(bytes));
      if (row !== undefined) yield row;
    }
  }
}

/** @returns undefined for an empty line. */
function parseLine(bytes: Buffer): JsonObject | undefined {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes).trim();
  if (text === "") return undefined;
  const value: JsonValue = JSON.parse(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("the row is no JSON object");
  return value;
}

/** Each line without its end; undefined for one that is too long. */
async function* splitLines(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer | undefined> {
  let held: Buffer[] = [];
  let size = 0;
  const take = (): Buffer | undefined => {
    const line = size > ROW_BYTES_MAX ? undefined : Buffer.concat(held);
    held = [];
    size = 0;
    return line;
  };
  for await (const piece of pieces) {
    let start = 0;
    for (let end = piece.indexOf(NEWLINE); end >= 0; end = piece.indexOf(NEWLINE, start)) {
      hold(piece.subarray(start, end));
      yield take();
      start = end + 1;
    }
    hold(piece.subarray(start));
  }
  if (size > 0) yield take();

  function hold(part: Uint8Array): void {
    size += part.length;
    if (size <= ROW_BYTES_MAX) held.push(Buffer.from(part));
    else held = [];
  }
}

/** Reads comma-separated values with a header line.
 *  @throws InvalidInput when a column is missing or not known: then no row can be right. */
export async function* readCsv(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<ProductRow> {
  let columns: readonly string[] | undefined;
  for await (const record of readCsvRecords(pieces, { sizeMax: ROW_BYTES_MAX, isTrimmed: true })) {
    const { line } = record;
    if (columns === undefined) {
      columns = checkColumns("fields" in record ? record.fields : []);
      continue;
    }
    if ("problem" in record) {
      yield { line, productId: "", problem: record.problem };
      continue;
    }
    const { fields } = record;
    const cells = new Map(columns.map((name, index) => [name, fields[index] ?? ""]));
    const row = toRow(line, () => toProductJson(cells, { fields: fields.length }), cells.get("product_id"));
    if (row !== undefined) yield row;
  }
}

function checkColumns(header: readonly string[]): string[] {
  const names = header.map((name) => name.trim());
  const missing = REQUIRED.filter((name) => !names.includes(name));
  const unknown = names.filter((name) => !COLUMNS.includes(name));
  if (missing.length === 0 && unknown.length === 0) return names;
  const description = [
    ...missing.map((name) => `the column ${name} is missing`),
    ...unknown.map((name) => `the column ${JSON.stringify(name.slice(0, 40))} is not one of ${COLUMNS.join(", ")}`),
  ].join("; ");
  throw new InvalidInput([{ field: "data", description }]);
}

/** An empty cell is a field that was not given. Numbers may be strings in protobuf's JSON mapping. */
function toProductJson(cells: ReadonlyMap<string, string>, has: { readonly fields: number }): JsonObject {
  if (has.fields !== cells.size) throw new Error(`the row has ${has.fields} fields, and the header ${cells.size}`);
  const cell = (name: string) => cells.get(name) || undefined;
  const optional = (name: string, value: JsonValue | undefined) => (value === undefined ? {} : { [name]: value });
  const currency = cell("currency") ?? "";
  const salePrice = cell("sale_price_minor");
  const attributes = cell("attributes");
  return {
    productId: cell("product_id") ?? "",
    title: cell("title") ?? "",
    ...optional("price", cell("price_minor") && { currency, minor: cell("price_minor") ?? "" }),
    ...optional("salePrice", salePrice && { currency, minor: salePrice }),
    ...optional("stock", cell("stock")),
    ...optional("imageUrl", cell("image_url")),
    ...optional("link", cell("link")),
    ...optional("category", cell("category")),
    ...optional("updateTime", cell("update_time")),
    ...optional("attributes", attributes === undefined ? undefined : JSON.parse(attributes)),
  };
}

/** Whatever is wrong with a row is that row's alone. */
function toRow(line: number, read: () => JsonObject | undefined, id = ""): ProductRow | undefined {
  let productId = id.slice(0, PRODUCT_ID_MAX);
  try {
    const json = read();
    if (json === undefined) return undefined;
    productId = String(json.productId ?? json.product_id ?? "").slice(0, PRODUCT_ID_MAX);
    return { line, productId, product: fromJson(ProductSchema, json) };
  } catch (error) {
    return { line, productId, problem: error instanceof Error ? error.message : String(error) };
  }
}
