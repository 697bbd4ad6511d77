import type { StorageLike } from "../client/index.ts";

export type PageStorage = Pick<StorageLike, "getItem" | "setItem">;

/** The browser's storage, or this page's own memory as soon as the browser refuses: blocked cookies, a full disk. */
export function safeStorage(find: () => PageStorage): PageStorage {
  const memory = new Map<string, string>();
  let real: PageStorage | undefined;
  try {
    real = find();
  } catch {
    // Already the name throws where storage is blocked; memory does for this page.
    real = undefined;
  }
  return {
    getItem: (key) => memory.get(key) ?? real?.getItem(key) ?? null,
    setItem: (key, value) => {
      try {
        if (real === undefined) memory.set(key, value);
        else real.setItem(key, value);
      } catch {
        memory.set(key, value);
      }
    },
  };
}
