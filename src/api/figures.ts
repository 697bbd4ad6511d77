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
import { type Counted, CountedSum, type SegmentCells } from "../domain/analytics/counted.ts";
import { coverWithSpans, SPAN_MS } from "../domain/analytics/span.ts";
import { findRollups, type Store } from "../store/index.ts";
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
/** The name of a dimension that cells are told apart by: of all but segments. */
export const toDimensionName = (dimension: Dimension): DimensionName => NAMES.get(dimension) ?? "campaign";

/** What figures by segment can be told apart by too. */
const BESIDE_SEGMENTS: ReadonlySet<Dimension> = new Set([Dimension.SEGMENT, Dimension.CAMPAIGN, Dimension.CHANNEL]);
export const NOT_BESIDE_SEGMENTS = "with a segment only campaign and channel are allowed";
export const goTogether = (all: readonly Dimension[]): boolean =>
  !all.includes(Dimension.SEGMENT) || all.every((one) => BESIDE_SEGMENTS.has(one));

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
  })
  .refine((some) => some.every((one) => one.dimension !== Dimension.SEGMENT || one.values.length === 1), {
    error: "several segments are named; one is allowed, since who is in two would count twice",
  })
  .refine((some) => goTogether(some.map((one) => one.dimension)), { error: NOT_BESIDE_SEGMENTS });

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

/** Which cells are asked for. */
export type Selection = {
  /** Of those who were in it; undefined: of everybody. */
  readonly segment: string | undefined;
  readonly wants: (cell: Cell) => boolean;
};

export function toSelection(asked: readonly Pick<DimensionFilter, "dimension" | "values">[]): Selection {
  const wanted = asked
    .filter((one) => one.dimension !== Dimension.SEGMENT)
    .map((one) => [toDimensionName(one.dimension), new Set(one.values)] as const);
  return {
    segment: asked.find((one) => one.dimension === Dimension.SEGMENT)?.values[0],
    wants: ({ key }) => wanted.every(([name, values]) => values.has(key[name])),
  };
}

/** The cells of an interval, added up over it. */
export async function loadCells(
  store: Store,
  workspaceId: string,
  interval: MinuteInterval,
  selection: Selection,
): Promise<readonly Cell[]> {
  if (selection.segment !== undefined)
    return (await loadSegments(store, workspaceId, interval, selection)).flatMap(({ cells }) => cells);
  const sum = new CellSum();
  for await (const { cells } of readSpans(store, workspaceId, interval, "cells"))
    for (const cell of cells) if (selection.wants(cell)) sum.addCell(cell);
  return sum.toCells();
}

/** The cells of an interval of each segment, or of the one that is asked for. */
export async function loadSegments(
  store: Store,
  workspaceId: string,
  interval: MinuteInterval,
  { segment: only, wants }: Selection,
): Promise<readonly SegmentCells[]> {
  const sum = new CountedSum();
  for await (const { segments = [] } of readSpans(store, workspaceId, interval, "segments"))
    for (const { segment, cells } of segments)
      if (only === undefined || only === segment)
        sum.add({ cells: [], segments: [{ segment, cells: cells.filter(wants) }] });
  return sum.toCounted().segments ?? [];
}

async function* readSpans(
  store: Store,
  workspaceId: string,
  { fromMs, untilMs }: MinuteInterval,
  part: keyof Counted,
): AsyncGenerator<Counted> {
  const spans = coverWithSpans(fromMs, untilMs);
  for (let first = 0; first < spans.length; first += SPANS_AT_ONCE)
    yield* (await findRollups(store, workspaceId, spans.slice(first, first + SPANS_AT_ONCE), part)).values();
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
