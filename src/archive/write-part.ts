import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { isDeepStrictEqual } from "node:util";
import { createGzip } from "node:zlib";
import type { EventDocument } from "../store/index.ts";
import { makeFolder, type PartOf, publish, toManifestPath, toPartPath, writeWhole } from "./part-files.ts";
import { type Contents, ContentsSum, readContents, toLine } from "./read-part.ts";

/** A manifest, as the file has it. */
export type Manifest = Contents & {
  readonly format: 1;
  readonly workspace: string;
  readonly collection: string;
  readonly day: string;
  readonly part: number;
};

export const toManifest = ({ workspaceId, collection, day, part }: PartOf, contents: Contents): Manifest => ({
  ...{ format: 1, workspace: workspaceId, collection, day, part },
  ...contents,
});

/** Writes a part, reads it back, and publishes it.
 *  @returns how many it has; 0 when there was nothing, and then there is no part; undefined when somebody else has published one of
 *  that number.
 *  @throws Error when what is read back is not what was written. */
export async function writePart(
  dir: string,
  of: PartOf,
  events: AsyncIterable<EventDocument>,
): Promise<number | undefined> {
  const path = toPartPath(dir, of);
  const temporary = `${path}.${randomUUID()}.tmp`;
  await makeFolder(path);
  try {
    const sum = new ContentsSum();
    const toLines = async function* () {
      for await (const event of events) {
        const line = toLine(event);
        sum.add(line, event);
        yield `${line}\n`;
      }
    };
    await pipeline(Readable.from(toLines()), createGzip(), createWriteStream(temporary, { flush: true }));
    const contents = sum.toContents();
    if (contents.events === 0) return 0;
    const found = await readContents(temporary);
    if (!isDeepStrictEqual(found, contents))
      throw new Error(`${temporary} reads back as ${JSON.stringify(found)}, written was ${JSON.stringify(contents)}`);
    if (!(await publish(temporary, path))) return undefined;
    await writeManifest(path, toManifest(of, contents));
    return contents.events;
  } finally {
    await rm(temporary, { force: true });
  }
}

export async function writeManifest(partPath: string, manifest: Manifest): Promise<void> {
  await writeWhole(toManifestPath(partPath), `${JSON.stringify(manifest, null, 2)}\n`);
}
