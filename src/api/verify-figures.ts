import { isDeepStrictEqual } from "node:util";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  type AnalyticsService,
  BackfillFiguresResponseSchema,
  FiguresDifferenceSchema,
} from "../../gen/intervention/v1/analytics_service_pb.js";
import { CountedSum } from "../domain/analytics/counted.ts";
import { listBelow, SPAN_MS, toSpan } from "../domain/analytics/span.ts";
import { findFinalUntil, findRollups, reckon, rollupId, sumSlice } from "../store/index.ts";
import { getService } from "./authenticate.ts";
import type { AnalyticsParts } from "./figure-points.ts";
import { parseAsked, toFigures, toTotal } from "./figures.ts";
import { requireParent } from "./resource-name.ts";

const VERIFY_DAYS_MAX = 1;
const BACKFILL_DAYS_MAX = 31;
const DIFFERENCES_MAX = 100;

/** Recounts, and reckons anew. */
export function verifyMethods({
  store,
  now,
}: AnalyticsParts): Pick<ServiceImpl<typeof AnalyticsService>, "verifyFigures" | "backfillFigures"> {
  return {
    async verifyFigures(request, context) {
      const { workspace } = getService(context.values);
      requireParent(request.parent, workspace.id);
      const { fromMs, untilMs } = parseAsked({ interval: request.interval }, VERIFY_DAYS_MAX).interval;
      const differences = [];
      let minutes = 0;
      // Of what is final, not everything that was counted is there any more.
      const firstMs = Math.max(fromMs, await findFinalUntil(store, workspace.id));
      for (let atMs = firstMs; atMs < Math.min(untilMs, now().getTime()); atMs += SPAN_MS.minute) {
        const span = toSpan("minute", atMs);
        const kept = (await findRollups(store, workspace.id, [span])).get(rollupId(workspace.id, span)) ?? {
          cells: [],
        };
        const sum = new CountedSum();
        for (const { n } of listBelow(span)) sum.add(await sumSlice(store, workspace.id, n));
        const recounted = sum.toCounted();
        minutes += 1;
        if (isDeepStrictEqual(kept, recounted) || differences.length >= DIFFERENCES_MAX) continue;
        differences.push(
          create(FiguresDifferenceSchema, {
            startTime: timestampFromMs(atMs),
            ...{ kept: toFigures(toTotal(kept.cells)), recounted: toFigures(toTotal(recounted.cells)) },
          }),
        );
      }
      return { minutes: BigInt(minutes), differences };
    },
    async *backfillFigures(request, context) {
      const { workspace } = getService(context.values);
      requireParent(request.parent, workspace.id);
      const { fromMs, untilMs } = parseAsked({ interval: request.interval }, BACKFILL_DAYS_MAX).interval;
      const perHour = SPAN_MS.hour / SPAN_MS.slice;
      for (let atMs = fromMs; atMs < untilMs && !context.signal.aborted; ) {
        const nextMs = Math.min(untilMs, (Math.floor(atMs / SPAN_MS.hour) + 1) * SPAN_MS.hour);
        const first = toSpan("slice", atMs).n;
        const slices = Array.from(
          { length: Math.min(perHour, toSpan("slice", nextMs).n - first) },
          (_, i) => first + i,
        );
        await reckon(store, workspace.id, { slices, nowMs: now().getTime() });
        atMs = nextMs;
        yield create(BackfillFiguresResponseSchema, {
          doneUntil: timestampFromMs(atMs),
          progress: (atMs - fromMs) / (untilMs - fromMs),
        });
      }
    },
  };
}
