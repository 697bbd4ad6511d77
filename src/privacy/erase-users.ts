import { Binary } from "mongodb";
import type { Logger } from "pino";
import { type Bus, STREAM_NAMES } from "../bus/index.ts";
import type { Workspace } from "../integrations/access-directory.ts";
import {
  addErased,
  type ErasureDocument,
  findErasure,
  finishErasure,
  listOpenErasures,
  type Store,
} from "../store/index.ts";
import { signStatement } from "./certificate.ts";
import { PERSONAL_COLLECTIONS } from "./collections.ts";
import { removeAll } from "./find-personal.ts";
import { eraseFromStream } from "./walk-stream.ts";

/** What erasing stands on. */
export type EraseOptions = {
  readonly bus: Bus;
  readonly store: Store;
  readonly log: Logger;
  /** Removes what is done with anyway, so that it need not be looked through. */
  readonly trim: () => Promise<void>;
  /** What was in somebody's hands when the erasure began is written by then. Default: 10 s. */
  readonly settleMs?: number;
};

const SETTLE_MS = 10_000;
const LEDGER = "interventions";

type Open = ErasureDocument & { readonly userId: string };

/** Goes once through everything for all of a workspace's users who wait to be erased, streams first, each stream once for all of
 *  them. An erasure is done when such a round found nothing of it and began late enough. A round that was broken off is begun
 *  again: all it does is safe to repeat. */
export async function eraseUsers(options: EraseOptions, workspace: Workspace): Promise<void> {
  const { store, log, settleMs = SETTLE_MS } = options;
  const open = (await listOpenErasures(store, workspace.id)).filter((one): one is Open => one.userId !== undefined);
  if (open.length === 0) return;
  const beganAt = Date.now();
  const isSettled = ({ erasedAt }: Open) => erasedAt.getTime() + settleMs <= beganAt;
  const found = await eraseRound(options, { workspaceId: workspace.id, open, isSettled });
  for (const one of open) {
    if (found.has(one._id) || !isSettled(one)) continue;
    await certify(store, workspace, one._id);
    log.info({ event: "user_erased", erasureId: one._id }, "a user was erased everywhere");
  }
}

/** @returns the erasures of which something was found. */
async function eraseRound(
  { bus, store, trim }: EraseOptions,
  {
    workspaceId,
    open,
    isSettled,
  }: { readonly workspaceId: string; readonly open: readonly Open[]; readonly isSettled: (one: Open) => boolean },
): Promise<Set<string>> {
  const found = new Set<string>();
  const add = async (id: string, part: "collection" | "stream", name: string, erased: number) => {
    if (erased === 0) return;
    found.add(id);
    await addErased(store, id, [{ part, name, erased }]);
  };
  await trim();
  const userIds = new Set(open.map(({ userId }) => userId));
  for (const name of STREAM_NAMES) {
    const erased = await eraseFromStream(bus, name, { workspace: workspaceId, userIds });
    for (const one of open) await add(one._id, "stream", name, erased.get(one.userId) ?? 0);
  }
  for (const one of open)
    for (const [name, { pages }] of PERSONAL_COLLECTIONS) {
      // What is found by the ledger would be out of reach without it: it goes when nothing more can be written.
      if (name === LEDGER && !isSettled(one)) continue;
      for await (const page of pages(store, { workspaceId, userId: one.userId }))
        await add(one._id, "collection", name, await removeAll(store, name, page));
    }
  return found;
}

/** The certificate from before stands when nothing was found since. */
async function certify(store: Store, workspace: Workspace, id: string): Promise<void> {
  const erasure = await findErasure(store, workspace.id, id);
  if (erasure === undefined) return;
  const certified = Object.values(erasure.counts).reduce((sum, count) => sum + count, 0);
  if (erasure.certificate !== undefined && erasure.certified === certified) return finishErasure(store, id, {});
  const completedAt = new Date();
  const statement = Buffer.from(
    JSON.stringify({
      erasure: id,
      workspace: workspace.id,
      requestedAt: erasure.erasedAt.toISOString(),
      completedAt: completedAt.toISOString(),
      erased: Object.fromEntries(Object.entries(erasure.counts).toSorted(([a], [b]) => (a < b ? -1 : 1))),
    }),
  );
  const signature = new Binary(signStatement(workspace, statement));
  await finishErasure(store, id, {
    certified,
    certificate: { statement: new Binary(statement), signature, completedAt },
  });
}
