import { readFile } from "node:fs/promises";
import { z } from "zod";
import { InvalidInput } from "../domain/errors.ts";
import { toErasureId } from "../privacy/certificate.ts";
import { type EventDocument, findWorkspace, listErasedSince, restoreEvents, type Store } from "../store/index.ts";
import { ARCHIVED_COLLECTIONS, toManifestPath } from "./part-files.ts";
import { readContents, readPart } from "./read-part.ts";
import type { Manifest } from "./write-part.ts";

const RESTORED_AT_ONCE = 1_000;
const BEGINNING = new Date(0);

const manifestSchema = z.object({
  format: z.literal(1),
  workspace: z.string().min(1),
  collection: z.enum(ARCHIVED_COLLECTIONS),
  day: z.string(),
  part: z.int().min(1),
  events: z.int().min(1),
  firstTime: z.string(),
  lastTime: z.string(),
  sha256: z.string(),
});

/** Reads a part to its end and holds it against its manifest.
 *  @throws InvalidInput when it is not what was written. */
export async function verifyPart(path: string): Promise<z.output<typeof manifestSchema>> {
  const manifest = await readManifest(toManifestPath(path));
  const found = await readContents(path).catch((cause: unknown) => {
    throw new InvalidInput([{ field: path, description: cause instanceof Error ? cause.message : String(cause) }]);
  });
  for (const name of ["events", "sha256", "firstTime", "lastTime"] as const)
    if (found[name] !== manifest[name])
      throw new InvalidInput([
        { field: path, description: `its ${name} is ${found[name]}, and ${manifest[name]} by its manifest` },
      ]);
  return manifest;
}

async function readManifest(path: string): Promise<z.output<typeof manifestSchema>> {
  const read = async () => manifestSchema.parse(JSON.parse(await readFile(path, "utf8"))) satisfies Manifest;
  return read().catch((cause: unknown) => {
    throw new InvalidInput([
      { field: path, description: `it is no manifest: ${cause instanceof Error ? cause.message : String(cause)}` },
    ]);
  });
}

/** What restoring a part came to. */
export type Restored = { readonly restored: number; readonly wereThere: number; readonly erased: number };

/** Brings what is in a part back into the store, each event once, without those whose users were erased since. Figures stay as they are.
 *  @throws InvalidInput when the part is not what was written; then nothing is brought back. */
export async function restorePart(store: Store, path: string): Promise<Restored> {
  const { workspace, collection } = await verifyPart(path);
  const isErased = await findErased(store, workspace);
  const sum = { restored: 0, wereThere: 0, erased: 0 };
  for await (const some of readPart(path, RESTORED_AT_ONCE)) {
    const kept = some.filter((event) => !isErased(event));
    const restored = await restoreEvents(store, collection, kept);
    sum.restored += restored;
    sum.wereThere += kept.length - restored;
    sum.erased += some.length - kept.length;
  }
  return sum;
}

/** Tells whether the user of an event was erased after it was received. */
async function findErased(store: Store, workspaceId: string): Promise<(event: EventDocument) => boolean> {
  const workspace = await findWorkspace(store, workspaceId);
  if (workspace === undefined)
    throw new InvalidInput([{ field: "workspace", description: `there is no workspace ${workspaceId} to restore to` }]);
  const keyed = { idSecret: workspace.idSecret.value() };
  const erasedAt = new Map((await listErasedSince(store, BEGINNING)).map((one) => [one._id, one.erasedAt]));
  return ({ userId, receivedAt }) => {
    const at = erasedAt.get(toErasureId(keyed, userId));
    return at !== undefined && receivedAt <= at;
  };
}
