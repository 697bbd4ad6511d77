import { z } from "zod";

/** How the engine may convince itself that NATS syncs each write. */
export type SyncCheck = {
  /** Monitoring addresses of the servers, comma-separated; undefined when there are none to ask. */
  readonly monitorUrl: string | undefined;
  /** The operator takes the risk by name. */
  readonly allowUnsynced: boolean;
};

/** A server that may lose acknowledged writes on a power failure. */
export class UnsyncedServer extends Error {}

const varz = z.object({
  jetstream: z.object({ config: z.object({ sync_always: z.boolean().optional() }).optional() }).optional(),
});

/** Refuses servers whose acknowledgements may come before the disk has the write: NATS syncs every two minutes by default.
 *  Of a cluster more than half must answer, as an acknowledged write is on more than half: a role can start while a node is
 *  down, and one that comes back unsynced can't lose a write by itself.
 *  @throws UnsyncedServer saying which, and the two ways out. */
export async function requireSyncedServers({ monitorUrl, allowUnsynced }: SyncCheck): Promise<void> {
  if (allowUnsynced) return;
  if (monitorUrl === undefined)
    throw new UnsyncedServer(
      "it can't be seen whether NATS syncs each write: set NATS_MONITOR_URL, or ALLOW_UNSYNCED_NATS=true to run without knowing",
    );
  const bases = monitorUrl.split(",").map((part) => part.trim());
  const answers = await Promise.allSettled(bases.map(isSynced));
  const silent = bases.filter((_, i) => answers[i]?.status === "rejected");
  const unsynced = bases.filter((_, i) => answers[i]?.status === "fulfilled" && !answers[i].value);
  if (unsynced.length > 0)
    throw new UnsyncedServer(
      `the NATS server at ${unsynced.join(", ")} does not sync each write: put "sync_interval: always" into its jetstream settings, or set ALLOW_UNSYNCED_NATS=true to risk losing what was accepted on a power failure`,
    );
  if (silent.length * 2 >= bases.length)
    throw new UnsyncedServer(
      `NATS_MONITOR_URL ${silent.join(", ")} does not answer: correct it, or set ALLOW_UNSYNCED_NATS=true to run without knowing`,
      { cause: answers.find((answer) => answer.status === "rejected")?.reason },
    );
}

const ASK_MS_MAX = 5_000;

/** @throws when there is no answer, or not one of a NATS server's monitor. */
async function isSynced(base: string): Promise<boolean> {
  const answer = await fetch(`${base.replace(/\/$/, "")}/varz`, { signal: AbortSignal.timeout(ASK_MS_MAX) });
  return varz.parse(await answer.json()).jetstream?.config?.sync_always === true;
}
