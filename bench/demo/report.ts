import { areEqual, type Totals } from "../cdnow.ts";
import type { Balance } from "./account.ts";
import { formatTable } from "./format-table.ts";

export type Report = Balance & {
  readonly shoppers: number;
  /** Displayed events in the engine's store. */
  readonly displayed: number;
  /** What the data say. */
  readonly sent: Totals;
  /** Calls repeated since they failed in passing. */
  readonly retries: number;
  readonly kills: number;
  /** What the client library reported, and how often. */
  readonly clientErrors: ReadonlyMap<string, number>;
  readonly replayMs: number;
};

/** Nothing lost, nothing twice, and what was received adds up to what the data say. */
export function isGood(report: Report): boolean {
  const { accepted, sent, lost, twice, spoilt, received, displayed, delivered } = report;
  return (
    accepted === sent.purchases &&
    lost === 0 &&
    twice === 0 &&
    spoilt === 0 &&
    areEqual(received, sent) &&
    displayed === delivered
  );
}

export function formatReport(report: Report): string {
  const { received, sent, latencyMs } = report;
  const count = (value: number) => value.toLocaleString("en-US");
  const beside = (got: number, wanted: number, show: (value: number) => string) =>
    got === wanted ? show(got) : `${show(got)} and not ${show(wanted)}`;
  const dollars = (cents: number) => `${count(Math.floor(cents / 100))}.${String(cents % 100).padStart(2, "0")}`;
  const table = formatTable([
    ["accepted", count(report.accepted)],
    ["delivered", count(report.delivered)],
    ["displayed", count(report.displayed)],
    ["to inbox", count(report.toInbox)],
    ["p50 ms", latencyMs.p50.toFixed(1)],
    ["p99 ms", latencyMs.p99.toFixed(1)],
    ["lost", count(report.lost)],
    ["twice", count(report.twice)],
    ...(report.spoilt === 0 ? [] : [["spoilt", count(report.spoilt)] as const]),
    ["purchases", beside(received.purchases, sent.purchases, count)],
    ["customers", beside(received.customers, sent.customers, count)],
    ["dollars", beside(received.cents, sent.cents, dollars)],
  ]);
  const seconds = (report.replayMs / 1_000).toFixed(1);
  const killed =
    report.kills === 0 ? "" : `, ${report.kills} kills -9 on the way, ${count(report.retries)} calls repeated`;
  const verdict = isGood(report)
    ? "What the shoppers got adds up to what the data say."
    : "What the shoppers got does not add up to what the data say.";
  return `\n${table}\n\n  ${count(report.shoppers)} shoppers connected, replayed in ${seconds} s${killed}.\n  ${verdict}`;
}

export function toJson(report: Report) {
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
    is_good: isGood(report),
    shoppers: report.shoppers,
    replay_s: Math.round(report.replayMs) / 1_000,
    kills: report.kills,
    retries: report.retries,
    client_errors: Object.fromEntries(report.clientErrors),
  };
}
