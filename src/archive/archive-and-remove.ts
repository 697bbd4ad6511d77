import { stat } from "node:fs/promises";
import { hasCode } from "../domain/has-code.ts";
import { type EventDocument, removeEvents, type Store } from "../store/index.ts";
import { listParts, type PartOf, toManifestPath, toPartPath } from "./part-files.ts";
import { readContents, readPart } from "./read-part.ts";
import { toManifest, writeManifest, writePart } from "./write-part.ts";

/** What archiving works with. */
export type ArchiveParts = { readonly store: Store; readonly dir: string };
type DayOf = Omit<PartOf, "part">;

const REMOVED_AT_ONCE = 1_000;
/** Somebody else may publish a part first; more often than this it is no accident. */
const ATTEMPTS_MAX = 5;

/** Archives what happened on a day, a part of it, and removes it.
 *  @param read what is to be archived of that day, read anew at each call.
 *  @returns how many were removed; 0 when there is nothing left. */
export async function archiveAndRemove(
  { store, dir }: ArchiveParts,
  of: DayOf,
  read: () => AsyncIterable<EventDocument>,
): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    // The number first, then what is read: a part that somebody else publishes in between has that number, and ours is dropped.
    const { removed, next } = await finishLast({ store, dir }, of);
    const part = { ...of, part: next };
    const written = await writePart(dir, part, read());
    if (written === undefined) continue;
    return removed + (written === 0 ? 0 : await removeWhatIsIn({ store, dir }, part));
  }
  throw new Error(`${toPartPath(dir, { ...of, part: 1 })}: others write the parts of this day too`);
}

/** Does what is left to do of the last part of a day. */
async function finishLast({ store, dir }: ArchiveParts, of: DayOf): Promise<{ removed: number; next: number }> {
  const last = (await listParts(dir, of)).findLast(({ day }) => day === of.day);
  if (last === undefined) return { removed: 0, next: 1 };
  const path = toPartPath(dir, last);
  if (!(await isThere(toManifestPath(path)))) await writeManifest(path, toManifest(last, await readContents(path)));
  return { removed: await removeWhatIsIn({ store, dir }, last), next: last.part + 1 };
}

async function removeWhatIsIn({ store, dir }: ArchiveParts, of: PartOf): Promise<number> {
  let removed = 0;
  for await (const some of readPart(toPartPath(dir, of), REMOVED_AT_ONCE))
    removed += await removeEvents(
      store,
      of.collection,
      some.map(({ _id }) => _id),
    );
  return removed;
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}
