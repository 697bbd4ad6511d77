/** How many connections one user and one address may hold here. */
export type CapLimits = { readonly perUserMax: number; readonly perAddressMax: number };

/** Counts live connections, so that one user or one address can't take them all. */
export class ConnectionCaps {
  readonly #limits: CapLimits;
  readonly #users = new Map<string, number>();
  readonly #addresses = new Map<string, number>();

  constructor(limits: CapLimits) {
    this.#limits = limits;
  }

  /** @returns which cap is full, or undefined when a place was taken; give it back with `release`. */
  acquire(user: string, address: string): "user" | "address" | undefined {
    if ((this.#users.get(user) ?? 0) >= this.#limits.perUserMax) return "user";
    if ((this.#addresses.get(address) ?? 0) >= this.#limits.perAddressMax) return "address";
    add(this.#users, user, 1);
    add(this.#addresses, address, 1);
    return undefined;
  }

  release(user: string, address: string): void {
    add(this.#users, user, -1);
    add(this.#addresses, address, -1);
  }
}

function add(counts: Map<string, number>, key: string, change: 1 | -1): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
