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

const varz = z.object({ jetstream: z.object({ config: z.object({ sync_always: z.boolean().optional() }).optional() }).optional() });

/** Refuses servers whose acknowledgements may come before the disk has the write: NATS syncs every two minutes by default.
 *  @throws UnsyncedServer saying which, and the two ways out. */
export async function requireSyncedServers({ monitorUrl, allowUnsynced }: SyncCheck): Promise<void> {
  if (allowUnsynced) return;
  if (monitorUrl === undefined) throw new UnsyncedServer("it can't be seen whether NATS syncs each write: set NATS_MONITOR_URL, or ALLOW_UNSYNCED_NATS=true to run without knowing");
  for (const base of monitorUrl.split(",").map((part) => part.trim())) {
    const answer = await fetch(`${base.replace(/\/$/, "")}/varz`, { signal: AbortSignal.timeout(5_000) }).catch((cause: unknown) => {
      throw new UnsyncedServer(`NATS_MONITOR_URL ${base} does not answer: correct it, or set ALLOW_UNSYNCED_NATS=true to run without knowing`, { cause });
    });
    const parsed = varz.safeParse(await answer.json());
    if (parsed.data?.jetstream?.config?.sync_always !== true)
      throw new UnsyncedServer(`the NATS server at ${base} does not sync each write: put "sync_interval: always" into its jetstream settings, or set ALLOW_UNSYNCED_NATS=true to risk losing what was accepted on a power failure`);
  }
}
