import type { StorageLike } from "../memory.ts";

/** A tab's session storage, which can be made to fail as browsers' do. */
export class MemoryStorage implements StorageLike {
  readonly entries = new Map<string, string>();
  capacity = Number.POSITIVE_INFINITY;

  getItem(key: string): string | null {
    return this.entries.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    if (value.length > this.capacity) throw new DOMException("full", "QuotaExceededError");
    this.entries.set(key, value);
  }

  removeItem(key: string): void {
    this.entries.delete(key);
  }
}
