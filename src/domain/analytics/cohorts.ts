import { toMonth } from "./points.ts";

/** An order as cohorts look at it. */
export type CohortOrder = {
  readonly userId: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly valueMinor: number;
  readonly refundedMinor: number;
  readonly currency: string;
};

type Money = { revenueMinor: number; refundedMinor: number };
type Month = { readonly users: Set<string>; orders: number; readonly amounts: Map<string, Money> };

/** What everybody who first bought in a month did in that month and those after it. */
export type Cohort = {
  /** `YYYY-MM`. */
  readonly month: string;
  readonly customers: number;
  readonly months: readonly {
    readonly offset: number;
    readonly customers: number;
    readonly orders: number;
    readonly amounts: ReadonlyMap<string, Readonly<Money>>;
  }[];
};

/** Sorts orders, in whatever order they come, by the month in which their customer bought first. */
export function toCohorts(orders: readonly CohortOrder[], timeZone: string): Cohort[] {
  const months = new Map<number, string>();
  // Most orders share their day with others, and asking a calendar is dear.
  const monthOf = (at: number) => {
    const hour = Math.floor(at / 3_600_000);
    const known = months.get(hour) ?? toMonth(at, timeZone);
    months.set(hour, known);
    return known;
  };
  const firsts = new Map<string, number>();
  for (const { userId, at } of orders) firsts.set(userId, Math.min(at, firsts.get(userId) ?? at));
  const cohorts = new Map<string, { users: Set<string>; months: Map<number, Month> }>();
  for (const { userId, at, currency, valueMinor, refundedMinor } of orders) {
    const first = monthOf(firsts.get(userId) ?? at);
    const cohort = cohorts.get(first) ?? { users: new Set(), months: new Map<number, Month>() };
    cohorts.set(first, cohort);
    cohort.users.add(userId);
    const offset = toNumber(monthOf(at)) - toNumber(first);
    const month = cohort.months.get(offset) ?? { users: new Set(), orders: 0, amounts: new Map() };
    cohort.months.set(offset, month);
    month.users.add(userId);
    month.orders += 1;
    const money = month.amounts.get(currency) ?? { revenueMinor: 0, refundedMinor: 0 };
    money.revenueMinor += valueMinor - refundedMinor;
    money.refundedMinor += refundedMinor;
    month.amounts.set(currency, money);
  }
  return [...cohorts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([month, { users, months: found }]) => ({
      month,
      customers: users.size,
      months: [...found]
        .sort(([a], [b]) => a - b)
        .map(([offset, one]) => ({ offset, customers: one.users.size, orders: one.orders, amounts: one.amounts })),
    }));
}

/** Months since year 0. */
const toNumber = (month: string) => Number(month.slice(0, 4)) * 12 + Number(month.slice(5));
