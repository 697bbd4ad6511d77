import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import {
  type Alarm,
  type AnalyticsService,
  DropOffSchema,
  type Figures,
  FunnelStepSchema,
  SeriesPointSchema,
  StageLatencySchema,
  WatchFiguresResponseSchema,
} from "../../gen/intervention/v1/analytics_service_pb.js";
import { toFunnel } from "../domain/analytics/funnel.ts";
import { toQuantile } from "../domain/analytics/stage-histogram.ts";
import { alarmMethods, loadAlarms } from "./alarm-methods.ts";
import { getService } from "./authenticate.ts";
import { breakdownMethod } from "./breakdown-method.ts";
import { cohortsMethod } from "./cohorts-method.ts";
import { exportMethod } from "./export-figures.ts";
import { parseFields } from "./field-checks.ts";
import { type AnalyticsParts, parsePoints, parseTimeZone } from "./figure-points.ts";
import { loadCells, parseAsked, toAmounts, toFigures, toSelection, toTotal } from "./figures.ts";
import { requireParent } from "./resource-name.ts";
import { verifyMethods } from "./verify-figures.ts";

const QUANTILES = [0.5, 0.9, 0.99];
const WATCH_MS = 1_000;
const TURNS_BETWEEN_ALARMS = 10;
const quantileSchema = z.object({
  quantiles: z.array(z.number().min(0, "it is not in 0 to 1").max(1, "it is not in 0 to 1")).max(20, "up to 20"),
});

/** Tells what came of what was sent. */
export function analyticsService(parts: AnalyticsParts): ServiceImpl<typeof AnalyticsService> {
  const { store } = parts;
  return {
    ...verifyMethods(parts),
    ...alarmMethods(parts),
    getCohorts: cohortsMethod(parts),
    exportFigures: exportMethod(parts),
    getBreakdown: breakdownMethod(parts),
    async getFunnel(request, context) {
      const { workspace } = getService(context.values);
      requireParent(request.parent, workspace.id);
      const { interval, filters } = parseAsked(request);
      const total = toTotal(await loadCells(store, workspace.id, interval, toSelection(filters)));
      const { steps, dropOffs } = toFunnel(total);
      return {
        steps: steps.map(({ count, byProgram, ...step }) =>
          create(FunnelStepSchema, { ...step, count: BigInt(count), byProgram: BigInt(byProgram) }),
        ),
        dropOffs: dropOffs.map(({ count, ...one }) => create(DropOffSchema, { ...one, count: BigInt(count) })),
        amounts: toAmounts(total.amounts),
      };
    },
    async getTimeSeries(request, context) {
      const { workspace } = getService(context.values);
      requireParent(request.parent, workspace.id);
      const { interval, filters } = parseAsked(request);
      const timeZone = parseTimeZone(request.timeZone, workspace.defaultTimeZone ?? parts.defaultTimeZone);
      const points = parsePoints(interval, request.step, timeZone);
      const selection = toSelection(filters);
      const found = await Promise.all(
        points.slice(0, -1).map(async (fromMs, i) => {
          const cells = await loadCells(store, workspace.id, { fromMs, untilMs: points[i + 1] ?? fromMs }, selection);
          return create(SeriesPointSchema, { startTime: timestampFromMs(fromMs), figures: toFigures(toTotal(cells)) });
        }),
      );
      return { points: found };
    },
    async getLatencies(request, context) {
      const { workspace } = getService(context.values);
      requireParent(request.parent, workspace.id);
      const { interval, filters } = parseAsked(request);
      const { quantiles } = parseFields(quantileSchema, request);
      const wanted = quantiles.length === 0 ? QUANTILES : quantiles;
      const { stages } = toTotal(await loadCells(store, workspace.id, interval, toSelection(filters)));
      return {
        stages: Object.entries(stages).map(([stage, bins]) => {
          const histogram = new Map(bins);
          return create(StageLatencySchema, {
            stage,
            count: BigInt(bins.reduce((sum, [, count]) => sum + count, 0)),
            quantiles: wanted.map((share) => durationFromMs(toQuantile(histogram, share) ?? 0)),
          });
        }),
      };
    },
    async *watchFigures(request, context) {
      const { workspace } = getService(context.values);
      requireParent(request.parent, workspace.id);
      const { interval, filters } = parseAsked(request);
      const selection = toSelection(filters);
      const signal = AbortSignal.any([context.signal, parts.drain]);
      let alarms: Alarm[] = [];
      for (let [told, turn] = ["", 0]; !signal.aborted; turn += 1) {
        const figures = toFigures(toTotal(await loadCells(store, workspace.id, interval, selection)));
        if (turn % TURNS_BETWEEN_ALARMS === 0) alarms = await loadAlarms(parts, workspace.id);
        const text = toText(figures, alarms);
        if (text !== told) yield create(WatchFiguresResponseSchema, { figures, alarms });
        told = text;
        await untilLater(signal);
      }
    },
  };
}

/** What is different when anything is: whatever is counted moves a count. */
const toText = ({ counts, amounts }: Figures, alarms: readonly Alarm[]) =>
  [
    amounts.length,
    ...Object.entries(counts).map(([name, count]) => `${name}=${count}`),
    ...alarms.map(({ kind, campaign, channel, count, sent }) => [kind, campaign, channel, count, sent].join("/")),
  ].join();

function untilLater(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, WATCH_MS);
  signal.addEventListener("abort", () => resolve(), { once: true });
  return promise.finally(() => clearTimeout(timer));
}
