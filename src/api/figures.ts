import { create } from "@bufbuild/protobuf";
import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import { z } from "zod";
import {
  type Amount,
  AmountSchema,
  Dimension,
  type DimensionFilter,
  DimensionSchema,
  type Figures,
  FiguresSchema,
  type Interval,
} from "../../gen/intervention/v1/analytics_service_pb.js";
import {
  type Amounts,
  type Cell,
  CellSum,
  DIMENSIONS,
  type Dimension as DimensionName,
} from "../domain/analytics/cell.ts";
import { coverWithSpans, SPAN_MS } from "../domain/analytics/span.ts";
import { findRollups, rollupId, type Store } from "../store/index.ts";
import { checked, memberOf, parseFields, timestamp } from "./field-checks.ts";

const DAY_MS = 86_400_000;
const VALUES_MAX = 100;
const INTERVAL_DAYS_MAX = 400;

/** A span of time in whole minutes, ms since 1970. */
export type MinuteInterval = { readonly fromMs: number; readonly untilMs: number };

const NAMES: ReadonlyMap<Dimension, DimensionName> = new Map([
  [Dimension.CAMPAIGN, "campaign"],
  [Dimension.CHANNEL, "channel"],
  [Dimension.VARIANT, "variant"],
  [Dimension.TEMPLATE, "template"],
  [Dimension.LOCALE, "locale"],
]);
export const toDimensionName = (dimension: Dimension): DimensionName => NAMES.get(dimension) ?? "campaign";

const dimension = checked<Dimension>(memberOf(DimensionSchema, { allowUnspecified: false }));
const filters = z
  .array(
    z.object({
      dimension,
      values: z
        .array(z.string())
        .min(1, `there are 0; 1 to ${VALUES_MAX} are allowed`)
        .max(VALUES_MAX, `there are too many; 1 to ${VALUES_MAX} are allowed`),
    }),
  )
  .refine((some) => new Set(some.map((one) => one.dimension)).size === some.length, {
    error: "a dimension has several filters; one with several values is allowed",
  });

const required = (what: string) => z.custom((value) => value !== undefined, { error: `it is missing: ${what}` });
const bound = (what: string) => required(what).pipe(checked<Timestamp>(timestamp));

/** An interval, at most so many days long. */
const intervalOf = (daysMax: number) =>
  required("which time").pipe(
    z
      .object({ startTime: bound("when it begins"), endTime: bound("when it ends") })
      .refine(({ startTime, endTime }) => timestampMs(startTime) < timestampMs(endTime), {
        path: ["endTime"],
        error: "it is not after start_time",
      })
      .refine(({ startTime, endTime }) => timestampMs(endTime) - timestampMs(startTime) <= daysMax * DAY_MS, {
        path: ["endTime"],
        error: `it is more than ${daysMax} days after start_time`,
      })
      .transform(
        ({ startTime, endTime }): MinuteInterval => ({
          fromMs: Math.floor(timestampMs(startTime) / SPAN_MS.minute) * SPAN_MS.minute,
          untilMs: Math.ceil(timestampMs(endTime) / SPAN_MS.minute) * SPAN_MS.minute,
        }),
      ),
  );

/** @throws InvalidInput naming every bad field. */
export function parseAsked(
  request: { readonly interval?: Interval | undefined; readonly filters?: readonly DimensionFilter[] },
  daysMax = INTERVAL_DAYS_MAX,
): { readonly interval: MinuteInterval; readonly filters: readonly Pick<DimensionFilter, "dimension" | "values">[] } {
  return parseFields(z.object({ interval: intervalOf(daysMax), filters }), { filters: [], ...request });
}

export const dimensions = dimension;

/** Whether a cell is asked for. */
export function toWants(asked: readonly Pick<DimensionFilter, "dimension" | "values">[]): (cell: Cell) => boolean {
  const wanted = asked.map((one) => [toDimensionName(one.dimension), new Set(one.values)] as const);
  return ({ key }) => wanted.every(([name, values]) => values.has(key[name]));
}

/** The cells of an interval, added up over it. */
export async function loadCells(
  store: Store,
  workspaceId: string,
  { fromMs, untilMs }: MinuteInterval,
  wants: (cell: Cell) => boolean,
): Promise<Cell[]> {
  const spans = coverWithSpans(fromMs, untilMs);
  const sum = new CellSum();
  for (let first = 0; first < spans.length; first += SPANS_AT_ONCE) {
    const some = spans.slice(first, first + SPANS_AT_ONCE);
    const found = await findRollups(store, workspaceId, some);
    for (const span of some)
      for (const cell of found.get(rollupId(workspaceId, span)) ?? []) if (wants(cell)) sum.addCell(cell);
  }
  return sum.toCells();
}

const SPANS_AT_ONCE = 200;

/** Cells added up whatever their dimensions, but for those named. */
export function addUp(cells: readonly Cell[], by: readonly DimensionName[] = []): Cell[] {
  const sum = new CellSum();
  const blank = { campaign: "", channel: "", variant: "", template: "", locale: "" };
  for (const cell of cells) {
    const kept = Object.fromEntries(DIMENSIONS.map((name) => [name, by.includes(name) ? cell.key[name] : ""]));
    sum.addCell({ ...cell, key: { ...blank, ...kept } });
  }
  return sum.toCells();
}

/** Everything in one cell. */
export const toTotal = (cells: readonly Cell[]): Pick<Cell, "counts" | "amounts" | "stages"> =>
  addUp(cells)[0] ?? { counts: {}, amounts: {}, stages: {} };

export const toFigures = ({ counts, amounts }: Pick<Cell, "counts" | "amounts">): Figures =>
  create(FiguresSchema, {
    counts: Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, BigInt(count)])),
    amounts: toAmounts(amounts),
  });

export const toAmounts = (amounts: Readonly<Record<string, Amounts>>): Amount[] =>
  Object.entries(amounts).map(([currency, { valueMinor, refundedMinor, costMicros }]) =>
    create(AmountSchema, {
      ...{ currency, revenueMinor: BigInt(valueMinor), refundedMinor: BigInt(refundedMinor) },
      costMicros: BigInt(costMicros),
    }),
  );
