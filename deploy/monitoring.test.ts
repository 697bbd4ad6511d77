import { readFileSync } from "node:fs";
import { Gauge } from "prom-client";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { createMetrics } from "../src/observe/index.ts";

const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");
const ruleSchema = z.object({
  record: z.string().optional(),
  alert: z.string().optional(),
  expr: z.string(),
  annotations: z
    .object({ summary: z.string().min(1), description: z.string().min(1), runbook: z.string().min(40) })
    .optional(),
});
const alertsSchema = z.object({ groups: z.array(z.object({ rules: z.array(ruleSchema) })) });
const dashboardSchema = z.object({
  panels: z.array(
    z.object({ id: z.number(), title: z.string(), targets: z.array(z.object({ expr: z.string() })).default([]) }),
  ),
});

const rules = alertsSchema.parse(parse(read("./prometheus/alerts.yaml"))).groups.flatMap((group) => group.rules);
const dashboard = dashboardSchema.parse(JSON.parse(read("./grafana/dashboard.json")));
/** What Prometheus itself has of each target. */
const OWN = ["up"];
/** Shown nowhere, and why. */
const NOT_SHOWN: Readonly<Record<string, string>> = {
  intervention_accept_commit_size: "for whoever tunes batches",
  intervention_cap_conflicts_total: "for whoever tunes caps",
  intervention_profile_lookups_total: "for whoever runs a data-intelligence service",
  intervention_data_intelligence_duration_seconds: "for whoever runs a data-intelligence service",
  intervention_jwks_reads_total: "for whoever runs an identity provider",
  intervention_silences_total: "counted among events of the shop",
};

/** The names of metrics in an expression: words that are no function, label or keyword, by their form. */
const namesIn = (expr: string) =>
  [...expr.matchAll(/\b(intervention[:_][a-z0-9_:]+|nodejs_[a-z0-9_]+|process_[a-z0-9_]+|up)\b/g)].map(
    ([name]) => name,
  );
const toBase = (name: string) => name.replace(/_(bucket|count|sum)$/, "");

describe("what watches the engine", () => {
  const metrics = createMetrics().registry.getMetricsAsArray();
  const known = new Set([...metrics.map(({ name }) => name), ...rules.flatMap(({ record }) => record ?? []), ...OWN]);
  const asked = [
    ...rules.map(({ expr }) => expr),
    ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
  ];

  it("asks for metrics that there are", () => {
    const unknown = asked.flatMap(namesIn).filter((name) => !known.has(name) && !known.has(toBase(name)));
    expect(unknown).toEqual([]);
    expect(asked.every((expr) => namesIn(expr).length > 0)).toBe(true);
  });

  it("takes no gauge for a counter: one that falls would count as begun anew", () => {
    const counted = asked.flatMap((expr) =>
      [...expr.matchAll(/\b(?:increase|i?rate)\((\w+)/g)].map(([, name]) => name ?? ""),
    );
    const gauges = metrics.filter((metric) => metric instanceof Gauge).map(({ name }) => name);
    expect(counted.length).toBeGreaterThan(8);
    expect(counted.filter((name) => gauges.includes(name))).toEqual([]);
  });

  it("says of each alert what is wrong and what to do", () => {
    const alerts = rules.filter(({ alert }) => alert !== undefined);
    expect(alerts.length).toBeGreaterThan(8);
    expect(alerts.filter(({ annotations }) => annotations === undefined)).toEqual([]);
    expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
  });

  it("shows every metric of the engine, or it is said why not", () => {
    const shown = new Set(
      dashboard.panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => namesIn(expr))).map(toBase),
    );
    const own = [...known].filter((name) => name.startsWith("intervention_"));
    expect(own.filter((name) => !shown.has(name)).toSorted((a, b) => (a < b ? -1 : 1))).toEqual(
      Object.keys(NOT_SHOWN).toSorted((a, b) => (a < b ? -1 : 1)),
    );
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  });
});
