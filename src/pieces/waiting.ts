import type { PageMessage } from "./message.ts";
import type { PageStorage } from "./safe-storage.ts";

const key = "engine-pieces-waiting";
const keptMax = 20;

/** Keeps what this tab has received and not shown yet over its next pages: the engine takes it for delivered and sends it no more. */
export interface Waiting {
  /** @returns those of this user; another user's are forgotten. */
  load(owner: string): readonly PageMessage[];
  save(owner: string, messages: readonly PageMessage[]): void;
}

export function createWaiting(storage: PageStorage): Waiting {
  return {
    load: (owner) => {
      const kept = parse(storage.getItem(key));
      return kept?.owner === owner ? kept.messages : [];
    },
    save: (owner, messages) => storage.setItem(key, JSON.stringify({ owner, messages: messages.slice(0, keptMax) })),
  };
}

function parse(text: string | null): { owner: string; messages: readonly PageMessage[] } | undefined {
  try {
    const value = JSON.parse(text ?? "null");
    return typeof value?.owner === "string" && Array.isArray(value.messages) ? value : undefined;
  } catch {
    // Another script's: nothing of ours waits.
    return undefined;
  }
}
