import { InterventionClientError } from "./failure.ts";
import { formatMemory, type Memory, newMemory, parseMemory, type StorageLike } from "./memory.ts";

export interface MemoryKeeper {
  load(): Memory;
  save(memory: Memory): void;
}

/** Session storage can be absent (Node), blocked (privacy settings) or full: none of it may stop an
 *  intervention, so each trouble is reported once and the client goes on in memory only.
 *  @param storage a function, since in some browsers already the name `sessionStorage` throws. */
export function createMemoryKeeper(options: {
  readonly storage: () => StorageLike | undefined;
  readonly key: string;
  readonly report: (error: InterventionClientError) => void;
}): MemoryKeeper {
  const { key, report } = options;
  let hasReported = false;
  const attempt = <T>(what: string, run: (storage: StorageLike) => T): T | undefined => {
    try {
      const storage = options.storage();
      return storage && run(storage);
    } catch (cause) {
      if (!hasReported)
        report(new InterventionClientError("STORAGE_UNAVAILABLE", `cannot ${what} session storage`, { cause }));
      hasReported = true;
      return undefined;
    }
  };
  return {
    load: () => {
      const text = attempt("read", (storage) => storage.getItem(key)) ?? undefined;
      if (text === undefined) return newMemory("");
      const memory = parseMemory(text);
      if (memory === undefined)
        report(new InterventionClientError("STORAGE_UNAVAILABLE", `"${key}" in session storage is spoilt`));
      return memory ?? newMemory("");
    },
    save: (memory) => {
      attempt("write", (storage) => {
        try {
          storage.setItem(key, formatMemory(memory));
        } catch (error) {
          // What is stored is now out of date: the next page would go back to it and show things again.
          storage.removeItem(key);
          throw error;
        }
        hasReported = false;
      });
    },
  };
}
