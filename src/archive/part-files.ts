import { link, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { hasCode } from "../domain/has-code.ts";

/** Whose part it is: what happened on a day. */
export type PartOf = {
  readonly workspaceId: string;
  readonly collection: ArchivedCollection;
  /** `YYYY-MM-DD`, UTC. */
  readonly day: string;
  /** From 1. */
  readonly part: number;
};
export const ARCHIVED_COLLECTIONS = ["events", "order_events"] as const;
export type ArchivedCollection = (typeof ARCHIVED_COLLECTIONS)[number];

const NAME = /^(\d{4}-\d{2}-\d{2})\.(\d{4,})\.ndjson\.gz$/;

const toFolder = (dir: string, { workspaceId, collection }: Pick<PartOf, "workspaceId" | "collection">) =>
  join(dir, workspaceId, collection);

export const toPartPath = (dir: string, of: PartOf): string =>
  join(toFolder(dir, of), `${of.day}.${String(of.part).padStart(4, "0")}.ndjson.gz`);

export const toManifestPath = (partPath: string): string => partPath.replace(/\.ndjson\.gz$/, ".manifest.json");

/** The parts of a collection that are published, in order of day and number. */
export async function listParts(dir: string, of: Pick<PartOf, "workspaceId" | "collection">): Promise<PartOf[]> {
  const names = await readdir(toFolder(dir, of)).catch((error: unknown) => {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  });
  const parts = names.flatMap((name) => {
    const [, day, part] = NAME.exec(name) ?? [];
    return day === undefined ? [] : [{ ...of, day, part: Number(part) }];
  });
  return parts.sort((a, b) => (a.day < b.day ? -1 : a.day > b.day ? 1 : a.part - b.part));
}

/** Gives a file that is written and on disk its name, unless that is taken.
 *  @returns whether it was free. */
export async function publish(temporary: string, path: string): Promise<boolean> {
  try {
    await link(temporary, path);
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    throw error;
  }
  await rm(temporary);
  await syncFolder(dirname(path));
  return true;
}

/** Writes a small file so that it is there whole or not at all. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`;
  const file = await open(temporary, "w");
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncFolder(dirname(path));
}

export async function makeFolder(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
}

/** A name is on disk when its folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
