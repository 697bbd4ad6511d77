import type { Scrape } from "./scrape-metrics.ts";

/** What the metrics tell of the neighbours, each figure by its name in the README of the integrations. */
type Figure = (scrape: Scrape) => number;

export const lookups = (outcome: string): Figure => {
  return (scrape) => scrape.sum("intervention_profile_lookups_total", { outcome });
};
export const predictions = (effect: string): Figure => {
  return (scrape) => scrape.sum("intervention_predictions_total", { effect });
};
export const shopEvents = (effect: string): Figure => {
  return (scrape) => scrape.sum("intervention_shop_events_total", { effect });
};
export const jwksReads = (result: string): Figure => {
  return (scrape) => scrape.sum("intervention_jwks_reads_total", { result });
};
/** Heard more than five seconds after it happened. */
export const late = (from: "events" | "predictions"): Figure => {
  const name = "intervention_heard_lag_seconds";
  return (scrape) => scrape.sum(`${name}_count`, { from }) - scrape.sum(`${name}_bucket`, { from, le: "5" });
};
