import { areEqual, type Totals } from "../cdnow.ts";
import type { Balance } from "./account.ts";
import type { KeptEvents } from "./count-kept-events.ts";
import { formatTable } from "./format-table.ts";

export type Report = Balance & {
  readonly shoppers: number;
  /** Displayed events in the engine's store. */
  readonly displayed: number;
  /** What the data say. */
  readonly sent: Totals;
  /** Events that the pipeline published, each once. */
  readonly published: number;
  /** What of them the engine's store has. */
  readonly kept: KeptEvents;
  /** Messages that the pipeline sent once more, since the broker did not answer. */
  readonly repeated: number;
  readonly kills: number;
  /** What the client library reported, and how often. */
  readonly clientErrors: ReadonlyMap<string, number>;
  readonly replayMs: number;
};

/** Nothing lost, nothing twice, and both the orders that were kept and what was received add up to what the data say. */
export function isGood(report: Report): boolean {
  const { accepted, sent, lost, twice, spoilt, received, displayed, delivered, kept, published } = report;
  return (
    accepted === sent.purchases &&
    lost === 0 &&
    twice === 0 &&
    spoilt === 0 &&
    areEqual(received, sent) &&
    areEqual(kept.orders, sent) &&
    kept.count === published &&
    displayed === delivered
  );
}

export function formatReport(report: Report): string {
  const { kept, latencyMs, published, received, sent } = report;
  const count = (value: number) => value.toLocaleString("en-US");
  const beside = (got: number, wanted: number, show: (value: number) => string) =>
    got === wanted ? show(got) : `${show(got)} and not ${show(wanted)}`;
  const dollars = (cents: number) => `${count(Math.floor(cents / 100))}.${String(cents % 100).padStart(2, "0")}`;
  const table = formatTable([
    ["events kept", beside(kept.count, published, count)],
    ["of them orders", beside(kept.orders.purchases, sent.purchases, count)],
    ["dollars", beside(kept.orders.cents, sent.cents, dollars)],
    ["accepted", count(report.accepted)],
    ["delivered", count(report.delivered)],
    ["displayed", count(report.displayed)],
    ["to inbox", count(report.toInbox)],
    ["p50 ms", latencyMs.p50.toFixed(1)],
    ["p99 ms", latencyMs.p99.toFixed(1)],
    ["lost", count(report.lost)],
    ["twice", count(report.twice)],
    ...(report.spoilt === 0 ? [] : [["spoilt", count(report.spoilt)] as const]),
    ["for purchases", beside(received.purchases, sent.purchases, count)],
    ["of customers", beside(received.customers, sent.customers, count)],
    ["over dollars", beside(received.cents, sent.cents, dollars)],
  ]);
  const seconds = (report.replayMs / 1_000).toFixed(1);
  const killed =
    report.kills === 0 ? "" : `, ${report.kills} kills -9 on the way, ${count(report.repeated)} messages sent again`;
  const verdict = isGood(report)
    ? "What the engine heard and what the shoppers got add up to what the data say."
    : "What the engine heard and what the shoppers got do not both add up to what the data say.";
  return [
    `\n${table}\n`,
    `  ${count(report.shoppers)} shoppers connected, replayed in ${seconds} s${killed}.`,
    "  p50 and p99 are from publishing a purchase's events to the callback on the shopper's socket.",
    `  ${verdict}`,
  ].join("\n");
}

export function toJson(report: Report) {
  const { kept } = report;
  return {
    accepted: report.accepted,
    delivered: report.delivered,
    displayed: report.displayed,
    to_inbox: report.toInbox,
    p50_ms: report.latencyMs.p50,
    p99_ms: report.latencyMs.p99,
    lost: report.lost,
    twice: report.twice,
    spoilt: report.spoilt,
    purchases: report.received.purchases,
    customers: report.received.customers,
    cents: report.received.cents,
    events_published: report.published,
    events_kept: kept.count,
    orders_kept: kept.orders.purchases,
    orders_customers: kept.orders.customers,
    orders_cents: kept.orders.cents,
    is_good: isGood(report),
    shoppers: report.shoppers,
    replay_s: Math.round(report.replayMs) / 1_000,
    kills: report.kills,
    repeated: report.repeated,
    client_errors: Object.fromEntries(report.clientErrors),
  };
}
