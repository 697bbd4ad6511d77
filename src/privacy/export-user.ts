import { type DescMessage, fromBinary, type JsonValue, toJson } from "@bufbuild/protobuf";
import { strToU8, Zip, ZipDeflate } from "fflate";
import { Binary, type Document } from "mongodb";
import type { Bus, StreamName } from "../bus/index.ts";
import type { Store } from "../store/index.ts";
import { PERSONAL_COLLECTIONS, type PersonalCollection } from "./collections.ts";
import type { Identity } from "./find-identity.ts";
import { STREAMS } from "./streams.ts";
import { findInStream } from "./walk-stream.ts";

/** One file of the archive: its name, and its lines as they are read. */
type Source = { readonly name: string; readonly lines: AsyncIterable<readonly JsonValue[]> };

/** A ZIP archive of everything about a user, under each of his ids, in pieces as it is read. */
export async function* exportUser(
  { bus, store }: { readonly bus: Bus; readonly store: Store },
  whose: Identity,
  now: Date,
): AsyncGenerator<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let failure: Error | undefined;
  const zip = new Zip((error, piece) => {
    if (error === null) pieces.push(piece);
    else failure = error;
  });
  const lineCounts: Record<string, number> = {};
  for (const { name, lines } of toSources({ bus, store }, whose)) {
    let file: ZipDeflate | undefined;
    for await (const page of lines) {
      if (page.length === 0) continue;
      if (file === undefined) {
        file = new ZipDeflate(name);
        zip.add(file);
      }
      file.push(strToU8(page.map((line) => `${JSON.stringify(line)}\n`).join("")));
      lineCounts[name] = (lineCounts[name] ?? 0) + page.length;
      if (failure !== undefined) throw failure;
      yield* pieces.splice(0);
    }
    file?.push(new Uint8Array(), true);
  }
  const manifest = new ZipDeflate("manifest.json");
  zip.add(manifest);
  const said = {
    workspace: whose.workspaceId,
    userIds: whose.userIds,
    exportedAt: now.toISOString(),
    lines: lineCounts,
  };
  manifest.push(strToU8(JSON.stringify(said, null, 2)), true);
  zip.end();
  if (failure !== undefined) throw failure;
  yield* pieces;
}

function toSources({ bus, store }: { readonly bus: Bus; readonly store: Store }, whose: Identity): Source[] {
  const { workspaceId, userIds } = whose;
  async function* pagesOfAll(pages: PersonalCollection["pages"]) {
    for (const userId of userIds) yield* pages(store, { workspaceId, userId });
  }
  const collections = PERSONAL_COLLECTIONS.map(([name, { pages, messages = {} }]) => ({
    name: `collections/${name}.ndjson`,
    lines: mapPages(pagesOfAll(pages), (document) => toLine(document, messages)),
  }));
  const streams = (Object.keys(STREAMS) as StreamName[]).map((name) => ({
    name: `streams/${name}.ndjson`,
    lines: linesOfStream(bus, name, whose),
  }));
  return [...collections, ...streams];
}

async function* mapPages<T>(pages: AsyncIterable<readonly T[]>, toJsonLine: (item: T) => JsonValue) {
  for await (const page of pages) yield page.map(toJsonLine);
}

async function* linesOfStream(bus: Bus, stream: StreamName, { workspaceId, userIds }: Identity) {
  for await (const { taken } of findInStream(bus, stream, { workspace: workspaceId, userIds: new Set(userIds) }))
    yield taken.map(({ json }) => json);
}

/** A document as JSON, with the messages in it readable. */
function toLine(document: Document, messages: Readonly<Record<string, DescMessage>>): JsonValue {
  const said = Object.entries(document).map(([field, value]) => [field, toValue(value, messages[field])]);
  return Object.fromEntries(said) as JsonValue;
}

function toValue(value: unknown, schema: DescMessage | undefined): unknown {
  if (!(value instanceof Binary)) return value;
  return schema === undefined ? value.toString("base64") : toJson(schema, fromBinary(schema, value.value()));
}
