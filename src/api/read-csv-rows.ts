import { Readable } from "node:stream";
import { create, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { type CsvError, parse } from "csv-parse";
import { AddressSchema, ContactChannel, ProfileSchema } from "../../gen/intervention/v1/profile_pb.js";
import { type FieldViolation, InvalidInput } from "../domain/errors.ts";
import { show } from "./field-checks.ts";
import { type ImportRow, ROW_BYTES_MAX, type RowProblem } from "./import-rows.ts";

type Line =
  | { readonly kind: "cells"; readonly cells: readonly string[] }
  | { readonly kind: "bad"; readonly description: string };
type Numbered = Line & { readonly number: number };

/** Reads RFC 4180 with a first line of names.
 *  @throws InvalidInput when the names are not such as may be there, or a row has no end. */
export async function* readCsvRows(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<ImportRow> {
  let columns: readonly Column[] | undefined;
  for await (const line of readLines(pieces)) {
    if (columns === undefined) {
      columns = parseColumns(line);
      continue;
    }
    yield toRow(line, columns);
  }
}

/** Lines with their numbers, those that can't be read among them: 0 is the line of names. */
async function* readLines(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Numbered> {
  // The parser tells of lines in their order, but of bad ones by another way than of good ones.
  let number = -1;
  const skipped: Numbered[] = [];
  const parser = parse({
    bom: true,
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    max_record_size: ROW_BYTES_MAX,
    // Its number goes before its cells: by the time it is read here, the parser is further on.
    on_record: (cells) => {
      number += 1;
      return [String(number), ...cells];
    },
    on_skip: (error: CsvError | undefined) => {
      number += 1;
      // A parser that goes on within a row without end would hold all of it.
      if (error?.code === "CSV_MAX_RECORD_SIZE") parser.destroy(noEnd(number));
      else skipped.push({ kind: "bad", number, description: error?.message ?? "it can't be read" });
      return undefined;
    },
  });
  const source = Readable.from(pieces);
  source.once("error", (error) => parser.destroy(error));
  source.pipe(parser);
  try {
    for await (const [own, ...cells] of parser as AsyncIterable<string[]>) {
      yield* skipped.splice(0);
      yield { kind: "cells", number: Number(own), cells };
    }
    yield* skipped;
  } finally {
    source.destroy();
    parser.destroy();
  }
}

const noEnd = (row: number) =>
  new InvalidInput([
    { field: "data", description: `row ${row} has more than ${ROW_BYTES_MAX} bytes: a closing quote may be missing` },
  ]);

type Column =
  | { readonly kind: "userId" | "timeZone" | "locale"; readonly name: string }
  | { readonly kind: "address"; readonly name: string; readonly channel: ContactChannel }
  | {
      readonly kind: "attribute";
      readonly name: string;
      readonly attribute: string;
      readonly type: "string" | "number" | "boolean";
    };

const COLUMNS: Readonly<Record<string, Column>> = {
  user_id: { kind: "userId", name: "user_id" },
  time_zone: { kind: "timeZone", name: "time_zone" },
  locale: { kind: "locale", name: "locale" },
  email: { kind: "address", name: "email", channel: ContactChannel.EMAIL },
  phone: { kind: "address", name: "phone", channel: ContactChannel.SMS },
};

function parseColumns(line: Line): Column[] {
  if (line.kind === "bad")
    throw new InvalidInput([{ field: "data", description: `its first line: ${line.description}` }]);
  const violations: FieldViolation[] = [];
  const columns = line.cells.flatMap((name, index) => {
    const column = toColumn(name);
    const problem =
      column === undefined
        ? `column ${show(name)} is not one of ${Object.keys(COLUMNS).join(", ")}, attributes.{name}, attributes.{name}:number, attributes.{name}:boolean`
        : line.cells.indexOf(name) < index
          ? `column ${show(name)} is there twice`
          : undefined;
    if (problem !== undefined) violations.push({ field: "data", description: problem });
    return column ?? [];
  });
  if (!line.cells.includes("user_id")) violations.push({ field: "data", description: "there is no column user_id" });
  if (violations.length > 0) throw new InvalidInput(violations);
  return columns;
}

function toColumn(name: string): Column | undefined {
  if (Object.hasOwn(COLUMNS, name)) return COLUMNS[name];
  const [, attribute, type] = /^attributes\.(.+?)(?::(number|boolean))?$/s.exec(name) ?? [];
  if (attribute === undefined) return undefined;
  return { kind: "attribute", name, attribute, type: type === "number" || type === "boolean" ? type : "string" };
}

function toRow(line: Numbered, columns: readonly Column[]): ImportRow {
  const row = line.number;
  const whole = (description: string): ImportRow => ({ kind: "bad", row, problems: [{ field: "", description }] });
  if (line.kind === "bad") return whole(line.description);
  if (line.cells.length !== columns.length)
    return whole(`it has ${line.cells.length} cells; the first line names ${columns.length}`);
  const problems: RowProblem[] = [];
  const profile = create(ProfileSchema);
  const attributes: [string, JsonValue][] = [];
  const addressColumns: string[] = [];
  for (const [index, column] of columns.entries()) {
    const cell = line.cells[index] ?? "";
    if (cell === "") continue;
    // What was no UTF-8 is a replacement character by now.
    if (cell.includes("\u{fffd}")) problems.push({ field: column.name, description: `${show(cell)} was not UTF-8` });
    else if (column.kind === "address") {
      profile.addresses.push(create(AddressSchema, { channel: column.channel, address: cell }));
      addressColumns.push(column.name);
    } else if (column.kind === "attribute") {
      const value = toValue(cell, column.type);
      if (value === undefined) problems.push({ field: column.name, description: `${show(cell)} is no ${column.type}` });
      else attributes.push([column.attribute, value]);
    } else profile[column.kind] = cell;
  }
  if (problems.length > 0) return { kind: "bad", row, problems };
  const object: JsonObject = Object.fromEntries(attributes);
  if (attributes.length > 0) profile.attributes = object;
  const toField = (path: string) => addressColumns[Number(/^addresses\[(\d+)\]/.exec(path)?.[1] ?? -1)] ?? path;
  return { kind: "good", row, profile, toField };
}

function toValue(cell: string, type: "string" | "number" | "boolean"): JsonValue | undefined {
  if (type === "string") return cell;
  if (type === "boolean") return cell === "true" ? true : cell === "false" ? false : undefined;
  return /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(cell) && Number.isFinite(Number(cell)) ? Number(cell) : undefined;
}
