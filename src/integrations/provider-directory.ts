import type { Subscription } from "@nats-io/transport-node";
import type { Logger } from "pino";
import type { Bus } from "../bus/index.ts";
import type { OutsideChannelName } from "../domain/delivery/channel-names.ts";
import { byOrder, listProviderAccountsChanged, type ProviderAccountDocument, type Store } from "../store/index.ts";
import { KeptFresh } from "./kept-fresh.ts";

/** Clocks of the processes that change accounts may differ by so much. */
const OVERLAP_MS = 60_000;

/** Every workspace's accounts with providers, kept in memory, credentials sealed: told of changes at once, and looking for them
 *  each second, since the word of one may be lost. */
export class ProviderDirectory {
  readonly #store: Store;
  readonly #bus: Bus;
  readonly #fresh: KeptFresh;
  readonly #told: Subscription;
  readonly #accounts = new Map<string, ProviderAccountDocument>();
  readonly #active = new Map<string, readonly ProviderAccountDocument[]>();
  #seenUntil = new Date(0);

  private constructor({ store, bus, log }: { store: Store; bus: Bus; log: Logger }) {
    this.#store = store;
    this.#bus = bus;
    this.#fresh = new KeptFresh({
      refresh: () => this.#refresh(),
      onStale: (error) =>
        log.warn(
          { event: "providers_stale", err: error },
          "accounts with providers can't be read at the moment: what was known stays in force",
        ),
    });
    this.#told = bus.nc.subscribe(bus.subjects.providersChanged, { callback: () => void this.refresh() });
  }

  static async start(parts: { store: Store; bus: Bus; log: Logger }): Promise<ProviderDirectory> {
    const directory = new ProviderDirectory(parts);
    await directory.#refresh();
    return directory;
  }

  stop(): void {
    this.#fresh.stop();
    this.#told.unsubscribe();
  }

  /** Those that may send on a channel, in the order they are asked. */
  listActive(workspaceId: string, channel: OutsideChannelName): readonly ProviderAccountDocument[] {
    return this.#active.get(`${workspaceId}/${channel}`) ?? [];
  }

  /** Whatever its state. */
  find(accountId: string): ProviderAccountDocument | undefined {
    return this.#accounts.get(accountId);
  }

  /** Tells every process that accounts have changed, at most once: whoever misses it sees it at his next regular look. */
  tell(): void {
    if (!this.#bus.nc.isClosed()) this.#bus.nc.publish(this.#bus.subjects.providersChanged);
  }

  /** Looks for changes now. Never rejects. */
  refresh(): Promise<void> {
    return this.#fresh.now();
  }

  async #refresh(): Promise<void> {
    const since = new Date(Math.max(0, this.#seenUntil.getTime() - OVERLAP_MS));
    const touched = new Set<string>();
    for (const document of await listProviderAccountsChanged(this.#store, since)) {
      if (document.updatedAt > this.#seenUntil) this.#seenUntil = document.updatedAt;
      if (this.#accounts.get(document._id)?.revision === document.revision) continue;
      this.#accounts.set(document._id, document);
      touched.add(`${document.workspaceId}/${document.channel}`);
    }
    for (const key of touched) {
      const accounts = [...this.#accounts.values()].filter((one) => `${one.workspaceId}/${one.channel}` === key);
      this.#active.set(key, toUsable(accounts).sort(byOrder));
    }
  }
}

/** What is only kept to be looked at is no stand-in for a provider that fails: it counts where there is no other. */
function toUsable(accounts: readonly ProviderAccountDocument[]): ProviderAccountDocument[] {
  const kept = accounts.filter(({ state }) => state !== "deleted");
  const real = kept.filter(({ provider }) => provider !== "outbox");
  return (real.length > 0 ? real : kept).filter(({ state }) => state === "active");
}
