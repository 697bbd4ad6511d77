import { create, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { AddressSchema, ContactChannel, ProfileSchema } from "../../gen/intervention/v1/profile_pb.js";
import { type FieldViolation, InvalidInput } from "../domain/errors.ts";
import { type CsvRecord, readCsvRecords } from "./csv-records.ts";
import { show } from "./field-checks.ts";
import { type ImportRow, ROW_BYTES_MAX, type RowProblem } from "./import-rows.ts";

/** Reads RFC 4180 with a first line of names. Rows are counted as records, without the names and empty lines: from 1.
 *  @throws InvalidInput when the names are not such as may be there. */
export async function* readCsvRows(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<ImportRow> {
  let columns: readonly Column[] | undefined;
  let row = 0;
  // Spaces stay: an id or a text may well begin with one.
  for await (const record of readCsvRecords(pieces, { sizeMax: ROW_BYTES_MAX, isTrimmed: false })) {
    if (columns === undefined) {
      columns = parseColumns(record);
      continue;
    }
    row += 1;
    yield toRow(record, { row, columns });
  }
}

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

function parseColumns(record: CsvRecord): Column[] {
  if ("problem" in record)
    throw new InvalidInput([{ field: "data", description: `its first line: ${record.problem}` }]);
  const { fields: names } = record;
  const violations: FieldViolation[] = [];
  const columns = names.flatMap((name, index) => {
    const column = toColumn(name);
    const problem =
      column === undefined
        ? `column ${show(name)} is not one of ${Object.keys(COLUMNS).join(", ")}, attributes.{name}, attributes.{name}:number, attributes.{name}:boolean`
        : names.indexOf(name) < index
          ? `column ${show(name)} is there twice`
          : undefined;
    if (problem !== undefined) violations.push({ field: "data", description: problem });
    return column ?? [];
  });
  if (!names.includes("user_id")) violations.push({ field: "data", description: "there is no column user_id" });
  if (violations.length > 0) throw new InvalidInput(violations);
  return columns;
}

function toColumn(name: string): Column | undefined {
  if (Object.hasOwn(COLUMNS, name)) return COLUMNS[name];
  const [, attribute, type] = /^attributes\.(.+?)(?::(number|boolean))?$/s.exec(name) ?? [];
  if (attribute === undefined) return undefined;
  return { kind: "attribute", name, attribute, type: type === "number" || type === "boolean" ? type : "string" };
}

function toRow(
  record: CsvRecord,
  { row, columns }: { readonly row: number; readonly columns: readonly Column[] },
): ImportRow {
  const whole = (description: string): ImportRow => ({ kind: "bad", row, problems: [{ field: "", description }] });
  if ("problem" in record) return whole(record.problem);
  const { fields: cells } = record;
  if (cells.length !== columns.length)
    return whole(`it has ${cells.length} cells; the first line names ${columns.length}`);
  const problems: RowProblem[] = [];
  const profile = create(ProfileSchema);
  const attributes: [string, JsonValue][] = [];
  const addressColumns: string[] = [];
  for (const [index, column] of columns.entries()) {
    const cell = cells[index] ?? "";
    if (cell === "") continue;
    if (column.kind === "address") {
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
