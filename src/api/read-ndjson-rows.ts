import { Buffer } from "node:buffer";
import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { type Profile, ProfileSchema } from "../../gen/intervention/v1/profile_pb.js";
import { type ImportRow, ROW_BYTES_MAX } from "./import-rows.ts";

const NEW_LINE = 0x0a;

/** Reads a profile in proto3 JSON a line. Empty lines are passed over, but counted. */
export async function* readNdjsonRows(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<ImportRow> {
  let row = 0;
  for await (const line of splitLines(pieces)) {
    row += 1;
    if (line === "too long") yield bad(row, `it has more than ${ROW_BYTES_MAX} bytes`);
    else if (line.some((byte) => byte > 0x20)) yield toRow(row, line);
  }
}

function toRow(row: number, line: Uint8Array): ImportRow {
  let profile: Profile;
  try {
    const json: JsonValue = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(line));
    profile = fromJson(ProfileSchema, json);
  } catch (error) {
    return bad(row, `it is no Profile in JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  return { kind: "good", row, profile, toField: (path) => path };
}

const bad = (row: number, description: string): ImportRow => ({
  kind: "bad",
  row,
  problems: [{ field: "", description }],
});

/** Lines without their ends. Of one that is too long no more is held than is allowed. */
async function* splitLines(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array | "too long"> {
  let held: Uint8Array[] = [];
  let bytes = 0;
  const add = (part: Uint8Array) => {
    bytes += part.byteLength;
    if (bytes <= ROW_BYTES_MAX) held.push(part);
  };
  const take = () => {
    const line = bytes > ROW_BYTES_MAX ? "too long" : Buffer.concat(held);
    held = [];
    bytes = 0;
    return line;
  };
  for await (const piece of pieces) {
    let start = 0;
    for (let end = piece.indexOf(NEW_LINE); end >= 0; end = piece.indexOf(NEW_LINE, start)) {
      add(piece.subarray(start, end));
      yield take();
      start = end + 1;
    }
    if (start < piece.byteLength) add(piece.subarray(start));
  }
  if (bytes > 0) yield take();
}
