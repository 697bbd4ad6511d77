import { diffLines, type LineDiff } from "../domain/template/index.ts";
import { toFingerprint } from "./fingerprint.ts";
import { listNewest, unpin } from "./template-uses.ts";
import { FOLDERS, type Kept, type Thing, toPath } from "./thing.ts";
import { toYaml } from "./yaml.ts";

/** What the files said and what the workspace had when they were last exported or applied, by place and path: fingerprints. The two
 *  differ where the engine fills in what a file leaves out. */
export type Synced = Readonly<
  Record<string, Readonly<Record<string, { readonly file: string; readonly kept: string }>>>
>;

/** One thing to make or to change. */
export type Change = {
  readonly thing: Thing;
  /** What it replaces; undefined for what is new. */
  readonly kept: Kept | undefined;
  /** Nothing where only the version of its template changes. */
  readonly lines: readonly LineDiff[];
};

/** What applying comes to. */
export type Plan = {
  /** What others need comes before them. */
  readonly changes: readonly Change[];
  readonly same: readonly { readonly thing: Thing; readonly kept: Kept }[];
  /** Those among the changes that somebody changed in the workspace since. */
  readonly conflicts: readonly Change[];
  /** In a file too, but over in the workspace: they stay as they are. */
  readonly over: readonly Kept[];
  /** Only in the workspace: they stay as they are. */
  readonly others: readonly Kept[];
};

/** Compares files with what a workspace has. */
export function plan(
  files: readonly Thing[],
  kept: readonly Kept[],
  { synced, listUsed }: { readonly synced: Synced; readonly listUsed: (thing: Thing) => readonly string[] },
): Plan {
  const keptByPath = new Map(kept.map((one) => [toPath(one), one]));
  const changes: Change[] = [];
  const same: { thing: Thing; kept: Kept }[] = [];
  const over: Kept[] = [];
  const renewed = new Set<string>();
  for (const thing of inOrder(files, listUsed)) {
    const before = keptByPath.get(toPath(thing));
    if (before?.isOver === true) {
      over.push(before);
      continue;
    }
    if (before !== undefined && isSame(thing, before, synced) && !takesNewest(thing, renewed)) {
      same.push({ thing, kept: before });
      continue;
    }
    if (thing.folder === "templates") renewed.add(thing.id);
    changes.push({
      thing,
      kept: before,
      lines: diffLines(before ? toLines(before) : "", toLines(thing)),
    });
  }
  const named = new Set(files.map(toPath));
  return {
    changes,
    same,
    over,
    conflicts: changes.filter(({ kept: before }) => before !== undefined && isChangedSince(before, synced)),
    others: kept.filter((one) => !one.isOver && !named.has(toPath(one))),
  };
}

/** Without the end of the last line, after which nothing is. */
const toLines = ({ content }: Thing) => toYaml(content).slice(0, -1);

function isSame(thing: Thing, kept: Kept, synced: Synced): boolean {
  const [file, before] = [toFingerprint(thing.content), toFingerprint(kept.content)];
  const known = findSynced(kept, synced);
  return file === before || (known !== undefined && known.file === file && known.kept === before);
}

/** A campaign that used the newest version of a template names it when there is a newer one; nobody changed it. */
function isChangedSince(kept: Kept, synced: Synced): boolean {
  const known = findSynced(kept, synced);
  const same = [kept.content, unpin(kept.content, () => true)].map(toFingerprint);
  return known !== undefined && !same.includes(known.kept);
}

const findSynced = (kept: Kept, synced: Synced) => synced[kept.place]?.[toPath(kept)];

/** Notes that these files and what the workspace has mean the same, and keeps what is noted of others. */
export function note(synced: Synced, pairs: readonly { readonly thing: Thing; readonly kept: Kept }[]): Synced {
  const noted: Record<string, Synced[string]> = { ...synced };
  for (const { thing, kept } of pairs) {
    const fingerprints = { file: toFingerprint(thing.content), kept: toFingerprint(kept.content) };
    noted[kept.place] = { ...noted[kept.place], [toPath(kept)]: fingerprints };
  }
  return noted;
}

/** Whether it uses the newest version of a template that gets a newer one. Experiments keep what they began with. */
function takesNewest({ folder, content }: Thing, renewed: ReadonlySet<string>): boolean {
  return folder === "campaigns" && listNewest(content).some((template) => renewed.has(template));
}

/** By folder, in it by id, but each after what it uses. Where things use each other in a circle the engine will refuse one. */
function inOrder(files: readonly Thing[], listUsed: (thing: Thing) => readonly string[]): Thing[] {
  const byPath = new Map(files.map((thing) => [toPath(thing), thing]));
  const ordered = new Set<Thing>();
  const visit = (thing: Thing, users: ReadonlySet<Thing>) => {
    for (const id of listUsed(thing)) {
      const used = byPath.get(toPath({ folder: thing.folder, id }));
      if (used !== undefined && !users.has(used)) visit(used, new Set([...users, used]));
    }
    ordered.add(thing);
  };
  const sorted = FOLDERS.flatMap((folder) =>
    files.filter((thing) => thing.folder === folder).sort((a, b) => (a.id < b.id ? -1 : 1)),
  );
  for (const thing of sorted) visit(thing, new Set([thing]));
  return [...ordered];
}
