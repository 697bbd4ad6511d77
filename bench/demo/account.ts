import type { Purchase, Totals } from "../cdnow.ts";
import { toTotals } from "../cdnow.ts";
import { Latencies, type Percentiles } from "../latencies.ts";

/** What the engine wrote down when it accepted an intervention: for whom, and what for, by its own record of the prediction that led
 *  to it. Nothing in it is looked up in what was published. */
export type Entry = {
  readonly customer: string;
  readonly line: number;
  readonly cds: number;
  readonly cents: number;
  readonly date: string;
};

export type Balance = {
  readonly accepted: number;
  /** Interventions for which a shopper's callback was called. */
  readonly delivered: number;
  /** Interventions that wait in an inbox and no callback was called for. */
  readonly toInbox: number;
  /** Purchases published of which neither a callback nor an inbox has anything. */
  readonly lost: number;
  /** Callbacks beyond the first for an intervention, and interventions beyond the first for a purchase. */
  readonly twice: number;
  /** Got by another customer, or recorded with other words, than what was published; or never accepted at all. */
  readonly spoilt: number;
  /** Summed over what was received. */
  readonly received: Totals;
  /** From the first event of a purchase going out to the callback, ms. */
  readonly latencyMs: Percentiles;
};

/** The books of the demo: what went out on one side, what came out on the other. */
export class Account {
  readonly #published = new Map<number, { readonly purchase: Purchase; readonly atMs: number }>();
  readonly #accepted = new Map<string, Entry>();
  readonly #shown = new Map<string, { readonly customer: string; readonly atMs: number }>();
  readonly #inboxed = new Map<string, string>();
  #twice = 0;

  /** A purchase goes out. */
  publish(purchase: Purchase, nowMs: number): void {
    this.#published.set(purchase.line, { purchase, atMs: nowMs });
  }

  /** It is in the ledger; seen there as often as one looks. */
  accept(interventionId: string, entry: Entry): void {
    this.#accepted.set(interventionId, entry);
  }

  /** A callback was called. */
  show(interventionId: string, customer: string, nowMs: number): void {
    if (this.#shown.has(interventionId)) this.#twice += 1;
    else this.#shown.set(interventionId, { customer, atMs: nowMs });
  }

  /** It is in the customer's inbox; seen there as often as one looks. */
  inbox(interventionId: string, customer: string): void {
    this.#inboxed.set(interventionId, customer);
  }

  hasAccepted(interventionId: string): boolean {
    return this.#accepted.has(interventionId);
  }

  get acceptedCount(): number {
    return this.#accepted.size;
  }

  get shownIds(): Iterable<string> {
    return this.#shown.keys();
  }

  /** Customers of whom something accepted was not seen anywhere yet. */
  customersWaiting(): Set<string> {
    const waiting = new Set<string>();
    for (const [id, { customer }] of this.#accepted) {
      if (!this.#shown.has(id) && !this.#inboxed.has(id)) waiting.add(customer);
    }
    return waiting;
  }

  balance(): Balance {
    const received = new Map(this.#inboxed);
    for (const [id, { customer }] of this.#shown) received.set(id, customer);
    const entries = [...received.keys()].flatMap((id) => this.#accepted.get(id) ?? []);
    const lines = new Set(entries.map(({ line }) => line));
    return {
      accepted: this.#accepted.size,
      delivered: this.#shown.size,
      toInbox: received.size - this.#shown.size,
      lost: [...this.#published.keys()].filter((line) => !lines.has(line)).length,
      twice: this.#twice + entries.length - lines.size,
      spoilt: [...received].filter(([id, customer]) => !this.#isTrue(customer, this.#accepted.get(id))).length,
      received: toTotals(entries),
      latencyMs: this.#latencies().percentiles(),
    };
  }

  #isTrue(receiver: string, entry: Entry | undefined): boolean {
    if (entry === undefined) return false;
    const purchase = this.#published.get(entry.line)?.purchase;
    return (
      receiver === entry.customer &&
      purchase?.customer === entry.customer &&
      purchase.cds === entry.cds &&
      purchase.cents === entry.cents &&
      purchase.date === entry.date
    );
  }

  #latencies(): Latencies {
    const latencies = new Latencies();
    for (const [id, { atMs }] of this.#shown) {
      const published = this.#published.get(this.#accepted.get(id)?.line ?? Number.NaN);
      if (published !== undefined) latencies.record(atMs - published.atMs);
    }
    return latencies;
  }
}
