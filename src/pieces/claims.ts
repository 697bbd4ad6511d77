import type { PageStorage } from "./safe-storage.ts";

/** What only one tab can have at a time. A tab that closes or dies has nothing any more. */
export interface Claims {
  /** @returns a function that gives it back; undefined when another tab has it. */
  take(name: string): Promise<(() => void) | undefined>;
  /** Resolves when nobody has it, if only for a moment. */
  whenFree(name: string): Promise<void>;
}

/** By Web Locks where the browser has them, which is on https and localhost; else by leases in storage. */
export function createClaims(storage: PageStorage): Claims {
  return "locks" in navigator ? lockClaims(navigator.locks) : leaseClaims(storage);
}

const prefix = "engine-pieces:";

function lockClaims(locks: LockManager): Claims {
  return {
    take: (name) =>
      new Promise((resolve, reject) => {
        locks
          .request(`${prefix}${name}`, { ifAvailable: true }, (lock) => {
            if (lock === null) return resolve(undefined);
            // The lock is ours for as long as this promise is open.
            return new Promise<void>((release) => resolve(() => release()));
          })
          .catch(reject);
      }),
    whenFree: async (name) => {
      await locks.request(`${prefix}${name}`, () => undefined);
    },
  };
}

const leaseMs = 4_000;
const renewMs = 1_000;
/** Long enough for two tabs to have written one after the other, so that both read who was last. */
const settleMs = 60;

/** Storage cannot compare and set, so a tab writes its name, waits, and looks whose name is there. A tab that hangs for as long
 *  as that between looking and writing could still take what another has: that is why locks come first. */
function leaseClaims(storage: PageStorage): Claims {
  const own = Math.random().toString(36).slice(2);
  const holderOf = (name: string): string | undefined => {
    const [holder = "", until = "0"] = (storage.getItem(`${prefix}${name}`) ?? "").split("|");
    return Number(until) > Date.now() ? holder : undefined;
  };
  const write = (name: string, untilMs: number) => storage.setItem(`${prefix}${name}`, `${own}|${untilMs}`);
  const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
  return {
    take: async (name) => {
      if (holderOf(name) !== undefined) return undefined;
      write(name, Date.now() + leaseMs);
      await pause(settleMs);
      if (holderOf(name) !== own) return undefined;
      const renewal = setInterval(() => write(name, Date.now() + leaseMs), renewMs);
      return () => {
        clearInterval(renewal);
        write(name, 0);
      };
    },
    whenFree: async (name) => {
      while (holderOf(name) !== undefined) await pause(renewMs);
    },
  };
}
