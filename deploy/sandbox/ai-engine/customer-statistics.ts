import type { Purchase } from "../../../bench/cdnow.ts";
import type { CustomerStatistics } from "../../../src/domain/statistics/bg-nbd.ts";

const dayMs = 86_400_000;

/** What the model knows of one customer, kept up to date purchase by purchase. Several purchases on a day are one, as in the paper,
 *  and a repeated or late one changes nothing that it shouldn't: the days are a set. */
export class PurchaseDays {
  readonly #days = new Set<number>();
  #first = Number.POSITIVE_INFINITY;
  #newest = Number.NEGATIVE_INFINITY;

  /** @param day since 1970-01-01, whole. */
  add(day: number): void {
    this.#days.add(day);
    this.#first = Math.min(this.#first, day);
    this.#newest = Math.max(this.#newest, day);
  }

  get count(): number {
    return this.#days.size;
  }

  /** @param day now. Of who has bought nothing, or only later, undefined. */
  at(day: number): CustomerStatistics | undefined {
    if (this.#days.size === 0 || day < this.#newest) return undefined;
    return { x: this.#days.size - 1, tX: (this.#newest - this.#first) / 7, T: (day - this.#first) / 7 };
  }
}

/** @param date YYYY-MM-DD or any later part of an ISO 8601 time, read as UTC. */
export function toDay(date: string): number {
  return Math.floor(Date.parse(date) / dayMs);
}

/** The statistics of all customers who bought up to and including a day.
 *  @param lastDate YYYY-MM-DD: end of the span of observation. */
export function toStatistics(purchases: Iterable<Purchase>, lastDate: string): Map<string, CustomerStatistics> {
  const lastDay = toDay(lastDate);
  const customers = new Map<string, PurchaseDays>();
  for (const { customer, date } of purchases) {
    const day = toDay(date);
    if (day > lastDay) continue;
    const days = customers.get(customer) ?? new PurchaseDays();
    customers.set(customer, days);
    days.add(day);
  }
  return new Map(
    [...customers].flatMap(([customer, days]) => {
      const statistics = days.at(lastDay);
      return statistics === undefined ? [] : [[customer, statistics] as const];
    }),
  );
}
