import { setTimeout as delay } from "node:timers/promises";
import { MongoError } from "mongodb";
import { type InterventionDocument, toInterventionMessage, toPosition } from "../../src/store/index.ts";
import type { BenchStore } from "../bench-store.ts";
import type { Purchase } from "../cdnow.ts";
import type { Account, Entry } from "./account.ts";

export type AcceptancesOptions = {
  readonly store: BenchStore;
  readonly workspace: string;
  readonly account: Account;
};

const pollMsMin = 100;
/** The database is the engine's: a fifth of the time is spent on looking at most. */
const restFactor = 4;
/** Longer than anything the engine waits for by itself, in the demo's settings. */
const stillMsMax = 60_000;

type Waiting = { readonly sinceMs: number; readonly resolve: () => void; readonly accepted: Promise<void> };

/** Watches the engine's ledger for what published purchases lead to, and puts it down in the account. */
export class Acceptances {
  readonly #options: AcceptancesOptions;
  /** By line, in the order of publishing. */
  readonly #waiting = new Map<number, Waiting>();
  #movedMs = performance.now();

  constructor(options: AcceptancesOptions) {
    this.#options = options;
  }

  /** To be called before the purchase goes out. */
  expect({ line }: Purchase): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.#waiting.size === 0) this.#movedMs = performance.now();
    this.#waiting.set(line, { sinceMs: Date.now(), resolve, accepted: promise });
  }

  /** Resolves when what the purchase leads to is in the ledger; also when nothing has got there for a minute: that it is missing
   *  the account will tell. */
  async until({ line }: Purchase): Promise<void> {
    await this.#waiting.get(line)?.accepted;
  }

  /** Looks until the signal comes. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const startMs = performance.now();
      await this.#look();
      if (performance.now() - this.#movedMs > stillMsMax) this.#giveUp();
      await delay(Math.max(pollMsMin, restFactor * (performance.now() - startMs)));
    }
  }

  async #look(): Promise<void> {
    const { account, store, workspace } = this.#options;
    const [oldest] = this.#waiting.values();
    if (oldest === undefined) return;
    // Nothing is accepted before it was published, and both are times of one clock.
    const filter = { workspaceId: workspace, position: { $gte: toPosition(new Date(oldest.sinceMs)) } };
    const found = await store.interventions
      .find(filter, { projection: { message: 1 } })
      .toArray()
      .catch((error: unknown) => {
        // The database has just been killed: what was not seen now is seen at the next look.
        if (error instanceof MongoError) return [];
        throw error;
      });
    for (const document of found) {
      if (account.hasAccepted(document._id)) continue;
      const entry = toEntry(document);
      account.accept(document._id, entry);
      this.#movedMs = performance.now();
      this.#waiting.get(entry.line)?.resolve();
      this.#waiting.delete(entry.line);
    }
  }

  #giveUp(): void {
    for (const { resolve } of this.#waiting.values()) resolve();
    this.#waiting.clear();
  }
}

/** What the ledger says. What is missing becomes NaN or "", and so counts as spoilt. */
function toEntry(document: Pick<InterventionDocument, "message">): Entry {
  const { recipient, trigger } = toInterventionMessage(document);
  const { line, cds, cents, date } = trigger?.prediction?.features ?? {};
  const number = (value: unknown) => (typeof value === "number" ? value : Number.NaN);
  return {
    customer: recipient?.userId ?? "",
    line: number(line),
    cds: number(cds),
    cents: number(cents),
    date: typeof date === "string" ? date : "",
  };
}
