import { setTimeout as delay } from "node:timers/promises";
import type { Engine } from "../../src/start/index.ts";
import { type Random, shuffled } from "../random.ts";

export type KillOptions = {
  readonly engine: Engine;
  readonly random: Random;
  /** How much of the replay is done, 0 to 1. */
  readonly progress: () => number;
  readonly signal: AbortSignal;
  readonly onKill: (name: string) => void;
};

const pollMs = 20;
const backMsMax = 60_000;

/** Kills each role process and each server once with -9, in a seeded order spread over the replay. The next one falls only when
 *  the one before is back: what is tried is the loss of any part, and not of all at once.
 *  @returns how many were killed: all of them, unless the signal came first.
 *  @throws Error when one does not come back. */
export async function killInTurn(options: KillOptions): Promise<number> {
  const { engine, signal } = options;
  const roles = engine.processes.map(({ process }) => process);
  const servers = [engine.servers.nats, engine.servers.mongo].filter((server) => server !== undefined);
  const order = shuffled([...roles, ...servers], options.random);
  let killed = 0;
  for (const victim of order) {
    const due = (killed + 0.5) / order.length;
    if (!(await waitUntil(() => options.progress() >= due, signal))) return killed;
    const before = victim.restarts;
    victim.kill("SIGKILL");
    killed += 1;
    options.onKill(victim.name);
    const isBack = () => victim.restarts > before && victim.pid !== undefined;
    const limit = AbortSignal.timeout(backMsMax);
    if (!(await waitUntil(isBack, AbortSignal.any([signal, limit]))) && limit.aborted) {
      throw new Error(`${victim.name} did not come back within a minute of its kill`);
    }
  }
  return killed;
}

/** @returns whether it holds; false when the signal came first. */
async function waitUntil(holds: () => boolean, signal: AbortSignal): Promise<boolean> {
  while (!holds()) {
    if (signal.aborted) return false;
    await delay(pollMs);
  }
  return true;
}
