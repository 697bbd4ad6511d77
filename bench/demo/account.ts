import type { Purchase, Totals } from "../cdnow.ts";
import { toTotals } from "../cdnow.ts";
import { Latencies, type Percentiles } from "../latencies.ts";

/** What a shopper got, by its own words: nothing in it is looked up in what was sent. */
export type Receipt = {
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
  /** Accepted, and neither seen by a callback nor in the inbox. */
  readonly lost: number;
  /** Callbacks beyond the first for an intervention. */
  readonly twice: number;
  /** Got by another customer, or with other words, than what was sent; or never accepted at all. */
  readonly spoilt: number;
  /** Summed over what was received. */
  readonly received: Totals;
  /** From the first send of a purchase to the callback, ms. */
  readonly latencyMs: Percentiles;
};

/** The books of the demo: what was accepted on one side, what came out on the other. */
export class Account {
  readonly #sentAtMs = new Map<number, number>();
  readonly #accepted = new Map<string, Purchase>();
  readonly #shown = new Map<string, Receipt>();
  readonly #inboxed = new Map<string, Receipt>();
  readonly #latencies = new Latencies();
  #twice = 0;

  /** A purchase goes out; only the first time counts. */
  send(purchase: Purchase, nowMs: number): void {
    if (!this.#sentAtMs.has(purchase.line)) this.#sentAtMs.set(purchase.line, nowMs);
  }

  /** @throws Error when two purchases got one intervention. */
  accept(purchase: Purchase, interventionId: string): void {
    const known = this.#accepted.get(interventionId);
    if (known !== undefined && known.line !== purchase.line) {
      throw new Error(`lines ${known.line} and ${purchase.line} are both ${interventionId}`);
    }
    this.#accepted.set(interventionId, purchase);
  }

  /** A callback was called. */
  show(interventionId: string, receipt: Receipt, nowMs: number): void {
    if (this.#shown.has(interventionId)) {
      this.#twice += 1;
      return;
    }
    this.#shown.set(interventionId, receipt);
    const sentAtMs = this.#sentAtMs.get(receipt.line);
    if (sentAtMs !== undefined) this.#latencies.record(nowMs - sentAtMs);
  }

  /** It is in the inbox; seen there as often as one looks. */
  inbox(interventionId: string, receipt: Receipt): void {
    this.#inboxed.set(interventionId, receipt);
  }

  get acceptedCount(): number {
    return this.#accepted.size;
  }

  get shownIds(): Iterable<string> {
    return this.#shown.keys();
  }

  get shownCount(): number {
    return this.#shown.size;
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
    const received = new Map([...this.#inboxed, ...this.#shown]);
    const lost = [...this.#accepted.keys()].filter((id) => !received.has(id)).length;
    const spoilt = [...received].filter(([id, receipt]) => !isTrue(receipt, this.#accepted.get(id))).length;
    return {
      accepted: this.#accepted.size,
      delivered: this.#shown.size,
      toInbox: received.size - this.#shown.size,
      lost,
      twice: this.#twice,
      spoilt,
      received: toTotals(received.values()),
      latencyMs: this.#latencies.percentiles(),
    };
  }
}

function isTrue(receipt: Receipt, purchase: Purchase | undefined): boolean {
  if (purchase === undefined) return false;
  const { line, customer, cds, cents, date } = purchase;
  return (
    receipt.line === line &&
    receipt.customer === customer &&
    receipt.cds === cds &&
    receipt.cents === cents &&
    receipt.date === date
  );
}

/** Reads `content.data` back. What is not as it was sent becomes NaN or "", and so counts as spoilt.
 *  @param customer who got it. */
export function toReceipt(customer: string, data: Readonly<Record<string, unknown>>): Receipt {
  const number = (value: unknown) => (typeof value === "number" ? value : Number.NaN);
  return {
    customer,
    line: number(data.line),
    cds: number(data.cds),
    cents: number(data.cents),
    date: typeof data.date === "string" ? data.date : "",
  };
}
