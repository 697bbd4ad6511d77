import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import {
  type AnalyticsService,
  ExportFiguresResponseSchema,
  ExportFormat,
  ExportFormatSchema,
} from "../../gen/intervention/v1/analytics_service_pb.js";
import { type Cell, DIMENSIONS } from "../domain/analytics/cell.ts";
import { getService } from "./authenticate.ts";
import { checked, memberOf, parseFields } from "./field-checks.ts";
import { type AnalyticsParts, parsePoints, parseTimeZone } from "./figure-points.ts";
import { loadCells, parseAsked, toSelection } from "./figures.ts";
import { requireParent } from "./resource-name.ts";

const formatSchema = z.object({
  format: checked<ExportFormat>(memberOf(ExportFormatSchema, { allowUnspecified: true })),
});
const COLUMNS = ["start", ...DIMENSIONS, "figure", "currency", "value"];

/** Figures as a file: a row for each point, combination and figure, so that it has the same columns whatever is counted. */
export function exportMethod(parts: AnalyticsParts): ServiceImpl<typeof AnalyticsService>["exportFigures"] {
  return async function* exportFigures(request, context) {
    const { workspace } = getService(context.values);
    requireParent(request.parent, workspace.id);
    const { interval, filters } = parseAsked(request);
    const { format } = parseFields(formatSchema, request);
    const timeZone = parseTimeZone(request.timeZone, workspace.defaultTimeZone ?? parts.defaultTimeZone);
    const points = parsePoints(interval, request.step, timeZone);
    const selection = toSelection(filters);
    const isCsv = format !== ExportFormat.NDJSON;
    if (isCsv) yield toPiece([COLUMNS.join()]);
    for (const [i, fromMs] of points.slice(0, -1).entries()) {
      if (context.signal.aborted) return;
      const cells = await loadCells(parts.store, workspace.id, { fromMs, untilMs: points[i + 1] ?? fromMs }, selection);
      const rows = cells.flatMap((cell) => toRows(new Date(fromMs).toISOString(), cell));
      if (rows.length > 0) yield toPiece(rows.map(isCsv ? toCsvLine : toJsonLine));
    }
  };
}

type Row = readonly (string | number)[];

function toRows(start: string, { key, counts, amounts }: Cell): Row[] {
  const place = [start, ...DIMENSIONS.map((name) => key[name])];
  return [
    ...Object.entries(counts).map(([name, count]) => [...place, name, "", count]),
    ...Object.entries(amounts).flatMap(([currency, { valueMinor, refundedMinor, costMicros }]) => [
      [...place, "revenue_minor", currency, valueMinor],
      [...place, "refunded_minor", currency, refundedMinor],
      [...place, "cost_micros", currency, costMicros],
    ]),
  ];
}

const toPiece = (lines: readonly string[]) =>
  create(ExportFiguresResponseSchema, { data: new TextEncoder().encode(`${lines.join("\r\n")}\r\n`) });

const toJsonLine = (row: Row) => JSON.stringify(Object.fromEntries(COLUMNS.map((name, i) => [name, row[i]])));

const toCsvLine = (row: Row) => row.map(toCsvField).join();

/** A spreadsheet runs what looks like a formula: OWASP, "CSV Injection". Numbers are ours and stay as they are. */
function toCsvField(value: string | number): string {
  if (typeof value === "number") return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
