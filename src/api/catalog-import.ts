import { create } from "@bufbuild/protobuf";
import {
  type BadProductRow,
  BadProductRowSchema,
  type CatalogServiceImportRequest,
  type CatalogServiceImportResponse,
  CatalogServiceImportResponseSchema,
  ImportFormat,
} from "../../gen/intervention/v1/catalog_service_pb.js";
import { InvalidInput } from "../domain/errors.ts";
import type { Workspace } from "../integrations/access-directory.ts";
import { parseProduct } from "./parse-product.ts";
import { type CatalogParts, putAndTell, type Version } from "./put-products.ts";
import { type ProductRow, readCsv, readNdjson } from "./read-product-rows.ts";

/** Rows that are written together, and between two messages of progress. */
const ROWS_MAX = 500;
const PIECE_BYTES_MAX = 1_048_576;

/** Takes a file of products as it comes in. What is right is kept whatever the rest is like, and each row that is not is reported.
 *  @throws InvalidInput when it is no file of products at all. */
export async function* importProducts(
  parts: CatalogParts,
  workspace: Workspace,
  requests: AsyncIterable<CatalogServiceImportRequest>,
): AsyncGenerator<CatalogServiceImportResponse> {
  const total = { rowCount: 0, createdCount: 0, updatedCount: 0, unchangedCount: 0, badCount: 0 };
  const report = (badRows: BadProductRow[], isDone: boolean) =>
    create(CatalogServiceImportResponseSchema, {
      rowCount: BigInt(total.rowCount),
      createdCount: BigInt(total.createdCount),
      updatedCount: BigInt(total.updatedCount),
      unchangedCount: BigInt(total.unchangedCount),
      badCount: BigInt(total.badCount),
      badRows,
      isDone,
    });
  let rows: ProductRow[] = [];
  const take = async (): Promise<BadProductRow[]> => {
    const { versions, badRows } = parseRows(rows, parts.now());
    for (const kind of await putAndTell(parts, workspace, versions))
      total[kind === "created" ? "createdCount" : kind === "updated" ? "updatedCount" : "unchangedCount"] += 1;
    total.rowCount += rows.length;
    total.badCount += badRows.length;
    rows = [];
    return badRows;
  };
  for await (const row of readRows(requests)) {
    rows.push(row);
    if (rows.length === ROWS_MAX) yield report(await take(), false);
  }
  yield report(await take(), true);
}

async function* readRows(requests: AsyncIterable<CatalogServiceImportRequest>): AsyncGenerator<ProductRow> {
  const incoming = requests[Symbol.asyncIterator]();
  const first = await incoming.next();
  const format = first.done === true ? ImportFormat.UNSPECIFIED : first.value.format;
  if (format !== ImportFormat.CSV && format !== ImportFormat.NDJSON)
    throw new InvalidInput([
      { field: "format", description: "the first message must say IMPORT_FORMAT_CSV or IMPORT_FORMAT_NDJSON" },
    ]);
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    for (let next = first; next.done !== true; next = await incoming.next()) {
      const { data } = next.value;
      if (data.length > PIECE_BYTES_MAX)
        throw new InvalidInput([
          { field: "data", description: `it has ${data.length} bytes; up to ${PIECE_BYTES_MAX} are allowed` },
        ]);
      if (data.length > 0) yield data;
    }
  };
  yield* format === ImportFormat.CSV ? readCsv(pieces()) : readNdjson(pieces());
}

function parseRows(rows: readonly ProductRow[], now: Date): { versions: Version[]; badRows: BadProductRow[] } {
  const versions: Version[] = [];
  const badRows: BadProductRow[] = [];
  for (const row of rows) {
    const bad = (problems: string[]) =>
      badRows.push(create(BadProductRowSchema, { line: BigInt(row.line), productId: row.productId, problems }));
    if ("problem" in row) {
      bad([row.problem]);
      continue;
    }
    try {
      versions.push({ productId: row.product.productId, ...parseProduct(row.product, now) });
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      bad(error.violations.map(({ field, description }) => `${field}: ${description}`));
    }
  }
  return { versions, badRows };
}
