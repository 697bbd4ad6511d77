import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { z } from "zod";
import {
  type BadRow,
  BadRowSchema,
  type ImportHeader,
  ImportHeader_Format,
  ImportHeader_FormatSchema,
  type ImportRequest,
  type ImportResponse,
  ImportResponseSchema,
  UpsertRequestSchema,
} from "../../gen/intervention/v1/profile_service_pb.js";
import { InvalidInput, Unavailable } from "../domain/errors.ts";
import { getService } from "./authenticate.ts";
import { checked, memberOf, parseFields } from "./field-checks.ts";
import type { ImportRow } from "./import-rows.ts";
import { changeTime, parseUpsert } from "./parse-profile.ts";
import type { ProfileKeeper, UserChange } from "./profile-keeper.ts";
import { readCsvRows } from "./read-csv-rows.ts";
import { readNdjsonRows } from "./read-ndjson-rows.ts";
import { requireParent } from "./resource-name.ts";

/** What importing needs. */
export type ImportParts = {
  readonly keeper: ProfileKeeper;
  readonly now: () => Date;
  /** Aborted when the server wants to stop. */
  readonly drain: AbortSignal;
};

/** Rows that share their reads and writes, and a message of progress. */
const ROWS_AT_ONCE = 500;
const PIECE_BYTES_MAX = 1_048_576;

const headerSchema = (now: Date) =>
  z.object({
    format: checked<ImportHeader_Format>(memberOf(ImportHeader_FormatSchema, { allowUnspecified: false })),
    changeTime: changeTime(now),
  });

/** Reads a file as it comes, keeps its good rows and reports every bad one. It reads no further than it has kept: HTTP/2's flow
 *  control then holds its sender back.
 *  @throws InvalidInput when there is no header, or the file as a whole can't be read. What was kept till then stays. */
export async function* importProfiles(
  requests: AsyncIterable<ImportRequest>,
  options: ImportParts & { readonly context: HandlerContext },
): AsyncGenerator<ImportResponse> {
  const { now, drain, context } = options;
  const workspaceId = getService(context.values).workspace.id;
  const began = now();
  const incoming = requests[Symbol.asyncIterator]();
  const header = await readHeader(incoming);
  requireParent(header.parent, workspaceId);
  const { format } = parseFields(headerSchema(began), header);
  const pieces = readPieces(incoming);
  const rows = format === ImportHeader_Format.CSV ? readCsvRows(pieces) : readNdjsonRows(pieces);
  const counts = { rowsRead: 0n, rowsKept: 0n, rowsBad: 0n };
  const keep = async (batch: readonly ImportRow[], isDone: boolean) => {
    const badRows = await keepRows(batch, { ...options, workspaceId, began, header });
    const bad = BigInt(new Set(badRows.map(({ row }) => row)).size);
    counts.rowsRead += BigInt(batch.length);
    counts.rowsBad += bad;
    counts.rowsKept += BigInt(batch.length) - bad;
    return create(ImportResponseSchema, { ...counts, badRows, done: isDone });
  };
  let batch: ImportRow[] = [];
  for await (const row of rows) {
    if (drain.aborted) throw new Unavailable("engine", { cause: new Error("the server is stopping") });
    batch.push(row);
    if (batch.length < ROWS_AT_ONCE) continue;
    yield await keep(batch, false);
    batch = [];
  }
  yield await keep(batch, true);
}

async function keepRows(
  rows: readonly ImportRow[],
  options: {
    readonly keeper: ProfileKeeper;
    readonly workspaceId: string;
    readonly began: Date;
    readonly header: ImportHeader;
  },
): Promise<BadRow[]> {
  const bad: BadRow[] = [];
  const good: { readonly row: ImportRow; readonly change: UserChange }[] = [];
  const refuse = (row: ImportRow, error: InvalidInput) => {
    for (const { field, description } of error.violations) {
      const path = field.replace(/^profile\.?/, "");
      bad.push(
        create(BadRowSchema, {
          row: BigInt(row.row),
          field: row.kind === "good" ? row.toField(path) : path,
          description,
        }),
      );
    }
  };
  for (const row of rows) {
    if (row.kind === "bad") refuse(row, new InvalidInput(row.problems));
    else {
      const { changeTime } = options.header;
      const request = create(UpsertRequestSchema, {
        profile: row.profile,
        ...(changeTime === undefined ? {} : { changeTime }),
      });
      try {
        good.push({ row, change: parseUpsert(request, options.began) });
      } catch (error) {
        if (!(error instanceof InvalidInput)) throw error;
        refuse(row, error);
      }
    }
  }
  const results = await options.keeper.apply(
    options.workspaceId,
    good.map(({ change }) => change),
  );
  for (const [index, result] of results.entries()) {
    const row = good[index]?.row;
    if (result.kind === "refused" && row !== undefined) refuse(row, result.error);
  }
  return bad.sort((a, b) => Number(a.row - b.row));
}

async function readHeader(incoming: AsyncIterator<ImportRequest>): Promise<ImportHeader> {
  const first = await incoming.next();
  const part = first.done === true ? undefined : first.value.part;
  if (part?.case === "header") return part.value;
  throw new InvalidInput([{ field: "header", description: "it is missing; the first message is the header" }]);
}

async function* readPieces(incoming: AsyncIterator<ImportRequest>): AsyncGenerator<Uint8Array> {
  for (let next = await incoming.next(); next.done !== true; next = await incoming.next()) {
    const { part } = next.value;
    if (part.case !== "data")
      throw new InvalidInput([{ field: "data", description: "it is missing; all but the first message are pieces" }]);
    if (part.value.byteLength > PIECE_BYTES_MAX)
      throw new InvalidInput([
        {
          field: "data",
          description: `the piece has ${part.value.byteLength} bytes; up to ${PIECE_BYTES_MAX} are allowed`,
        },
      ]);
    yield part.value;
  }
}
