import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { hasCode } from "../domain/has-code.ts";
import type { Kind } from "./kind.ts";
import type { Synced } from "./plan.ts";
import { Refused, type Thing, toPath } from "./thing.ts";
import { parseYaml, toYaml } from "./yaml.ts";

const SYNCED = "synced.json";
const ID = /^[a-z0-9][a-z0-9-]{0,62}$/;
const syncedSchema = z.record(z.string(), z.record(z.string(), z.object({ file: z.string(), kept: z.string() })));

/** Reads `DIR/segments/regulars.yaml` and so on.
 *  @throws Refused naming every file that is not as it should be. */
export async function readThings(dir: string, kinds: readonly Kind[]): Promise<Thing[]> {
  const things: Thing[] = [];
  const wrong: string[] = [];
  for (const { folder, parse } of kinds) {
    for (const file of await listFiles(join(dir, folder))) {
      const id = file.replace(/\.yaml$/, "");
      const at = `${folder}/${file}`;
      if (!file.endsWith(".yaml") || !ID.test(id)) {
        wrong.push(`${at}: a file is named after its id, 1 to 63 of a-z, 0-9 and -, and ends in .yaml`);
        continue;
      }
      try {
        things.push({ folder, id, content: parse(parseYaml(await readFile(join(dir, folder, file), "utf8"))) });
      } catch (error) {
        wrong.push(`${at}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
  if (wrong.length > 0) throw new Refused(`nothing was changed, since these files can't be read:\n${wrong.join("\n")}`);
  return things;
}

/** @returns whether the file was not so before. */
export async function writeThing(dir: string, thing: Thing): Promise<boolean> {
  await mkdir(join(dir, thing.folder), { recursive: true });
  const path = join(dir, `${toPath(thing)}.yaml`);
  const text = toYaml(thing.content);
  if ((await readIfThere(path)) === text) return false;
  await writeFile(path, text);
  return true;
}

/** @throws Refused */
export async function readSynced(dir: string): Promise<Synced> {
  const text = await readIfThere(join(dir, SYNCED));
  if (text === undefined) return {};
  const parsed = syncedSchema.safeParse(parseYaml(text));
  if (!parsed.success) throw new Refused(`${SYNCED} is not as export and apply write it: take it from git again`);
  return parsed.data;
}

export async function writeSynced(dir: string, synced: Synced): Promise<void> {
  const path = join(dir, SYNCED);
  // Written beside and renamed, so that an end in the middle leaves what was there.
  await writeFile(`${path}.new`, `${JSON.stringify(synced, undefined, 2)}\n`);
  await rename(`${path}.new`, path);
}

async function listFiles(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).sort((a, b) => (a < b ? -1 : 1));
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}
