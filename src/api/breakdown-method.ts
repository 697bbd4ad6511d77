import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import {
  type AnalyticsService,
  BreakdownRowSchema,
  Dimension,
} from "../../gen/intervention/v1/analytics_service_pb.js";
import type { Cell } from "../domain/analytics/cell.ts";
import { InvalidInput } from "../domain/errors.ts";
import { getService } from "./authenticate.ts";
import { parseFields } from "./field-checks.ts";
import type { AnalyticsParts } from "./figure-points.ts";
import {
  addUp,
  dimensions,
  goTogether,
  loadCells,
  loadSegments,
  NOT_BESIDE_SEGMENTS,
  parseAsked,
  toDimensionName,
  toFigures,
  toSelection,
  toTotal,
} from "./figures.ts";
import { requireParent } from "./resource-name.ts";

const ROWS = { fallback: 50, max: 1_000 };
const breakdownSchema = z.object({
  by: z
    .array(dimensions)
    .min(1, "there are 0; 1 to 3 are allowed")
    .max(3, "there are too many; 1 to 3 are allowed")
    .refine((by) => new Set(by).size === by.length, { error: "each is named once" }),
  rowsMax: z.int().min(0, "it is negative").max(ROWS.max, `it is more than ${ROWS.max}`),
});

type Row = { readonly values: string[]; readonly cell: Cell };

/** Figures told apart by dimensions, those with most first. */
export function breakdownMethod({ store }: AnalyticsParts): ServiceImpl<typeof AnalyticsService>["getBreakdown"] {
  return async (request, context) => {
    const { workspace } = getService(context.values);
    requireParent(request.parent, workspace.id);
    const { interval, filters } = parseAsked(request);
    const { by, rowsMax } = parseFields(breakdownSchema, request);
    if (!goTogether([...by, ...filters.map(({ dimension }) => dimension)]))
      throw new InvalidInput([{ field: "by", description: NOT_BESIDE_SEGMENTS }]);
    const selection = toSelection(filters);
    const isBySegment = by.includes(Dimension.SEGMENT);
    const toRows = (cells: readonly Cell[], segment: string): Row[] =>
      addUp(cells, by.filter((one) => one !== Dimension.SEGMENT).map(toDimensionName)).map((cell) => ({
        values: by.map((one) => (one === Dimension.SEGMENT ? segment : cell.key[toDimensionName(one)])),
        cell,
      }));
    const rows = isBySegment
      ? (await loadSegments(store, workspace.id, interval, selection)).flatMap((one) => toRows(one.cells, one.segment))
      : toRows(await loadCells(store, workspace.id, interval, selection), "");
    const most = request.orderBy === "" ? "sent" : request.orderBy;
    rows.sort((a, b) => (b.cell.counts[most] ?? 0) - (a.cell.counts[most] ?? 0));
    const limit = rowsMax || ROWS.fallback;
    const rest = rows.slice(limit);
    return {
      rows: rows
        .slice(0, limit)
        .map(({ values, cell }) => create(BreakdownRowSchema, { values, figures: toFigures(cell) })),
      // Who is in two segments would count twice in it.
      ...(rest.length === 0 || isBySegment ? {} : { rest: toFigures(toTotal(rest.map(({ cell }) => cell))) }),
    };
  };
}
