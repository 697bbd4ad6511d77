import { campaignKind } from "./campaigns.ts";
import { experimentKind } from "./experiments.ts";
import { readSynced, readThings, writeSynced, writeThing } from "./folder.ts";
import type { Engine, Kind } from "./kind.ts";
import { type Change, note, type Plan, plan } from "./plan.ts";
import { segmentKind } from "./segments.ts";
import { templateKind } from "./templates.ts";
import { FOLDERS, type Folder, type Kept, Refused, toPath } from "./thing.ts";
import { toReason, toSummary } from "./to-summary.ts";

type Say = (line: string) => void;

/** Writes what a workspace has into files. Files of what it does not have stay.
 *  @returns the paths of those that changed. */
export async function exportTo(dir: string, engine: Engine, say: Say): Promise<string[]> {
  const synced = await readSynced(dir);
  const kept = (await listKept(toKinds(engine))).filter(({ isOver }) => !isOver);
  const changed: string[] = [];
  for (const one of kept) if (await writeThing(dir, one)) changed.push(toPath(one));
  await writeSynced(
    dir,
    note(
      synced,
      kept.map((one) => ({ thing: one, kept: one })),
    ),
  );
  for (const path of changed) say(`wrote ${path}.yaml`);
  say(`${kept.length} exported, ${changed.length} of them changed`);
  return changed;
}

export type ApplyOptions = {
  readonly dryRun: boolean;
  /** Also what somebody changed in the workspace since it was last exported or applied. */
  readonly overwrite: boolean;
  readonly say: Say;
};

/** Makes and changes what the files say, and nothing else; repeating it changes nothing. When one is refused, what came before it stays
 *  applied, and the next call goes on from there.
 *  @throws Refused saying what is wrong: with a file, or with what somebody changed meanwhile, and nothing was changed; or with what the
 *  engine refused. */
export async function applyFrom(dir: string, engine: Engine, options: ApplyOptions): Promise<Plan> {
  const { dryRun, overwrite, say } = options;
  const kinds = toKinds(engine);
  const files = await readThings(dir, kinds);
  const synced = await readSynced(dir);
  const kept = await listKept(kinds);
  const made = plan(files, kept, {
    synced,
    listUsed: ({ folder, content }) => kindOf(kinds, folder).listUsed(content),
  });
  for (const line of toSummary(made)) say(line);
  if (made.conflicts.length > 0 && !overwrite)
    throw new Refused(
      `nothing was changed: ${made.conflicts.map(({ thing }) => toPath(thing)).join(", ")} changed in the workspace since ` +
        "these files were last exported or applied. Export again and merge, or say --overwrite",
    );
  if (dryRun) return made;
  const applied = [...made.same];
  try {
    for (const change of made.changes) {
      const kind = kindOf(kinds, change.thing.folder);
      applied.push({ thing: change.thing, kept: await applyOne(kind, change) });
    }
  } finally {
    await writeSynced(dir, note(synced, applied));
  }
  say(`${made.changes.length} applied`);
  return made;
}

async function applyOne(kind: Kind, { thing, kept }: Change): Promise<Kept> {
  try {
    return await (kept === undefined ? kind.create(thing) : kind.update(thing, kept));
  } catch (error) {
    throw new Refused(`${toPath(thing)} was refused, and what comes after it is not applied: ${toReason(error)}`, {
      cause: error,
    });
  }
}

const toKinds = (engine: Engine): readonly Kind[] => [
  segmentKind(engine),
  templateKind(engine),
  campaignKind(engine),
  experimentKind(engine),
];

function kindOf(kinds: readonly Kind[], folder: Folder): Kind {
  const kind = kinds.find((one) => one.folder === folder);
  if (kind === undefined) throw new Refused(`${folder} is none of ${FOLDERS.join(", ")}`);
  return kind;
}

async function listKept(kinds: readonly Kind[]): Promise<Kept[]> {
  const kept: Kept[] = [];
  for (const kind of kinds) kept.push(...(await kind.list()));
  return kept.sort((a, b) => (toPath(a) < toPath(b) ? -1 : 1));
}
