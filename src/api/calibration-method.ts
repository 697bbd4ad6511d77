import { create } from "@bufbuild/protobuf";
import { durationFromMs, type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import { type PredictionService, VersionCalibrationSchema } from "../../gen/intervention/v1/prediction_service_pb.js";
import { PredictionKind } from "../../gen/intervention/v1/shopper_pb.js";
import { calibrate } from "../domain/prediction/calibrate.ts";
import { findHorizonMs, KINDS_WITH_OUTCOMES } from "../domain/prediction/to-outcome.ts";
import { listPredictionOutcomes, type Store } from "../store/index.ts";
import { getService } from "./authenticate.ts";
import { checked, parseFields, timestamp } from "./field-checks.ts";
import { MODEL } from "./parse-prediction.ts";
import { requireParent } from "./resource-name.ts";

const COUNTED_MAX = 100_000;
const SINCE_MS = 30 * 86_400_000;

const calibrationSchema = z.object({
  kind: checked<PredictionKind>((kind) =>
    KINDS_WITH_OUTCOMES.includes(kind)
      ? undefined
      : `${PredictionKind[kind] ?? kind} is not one of ${KINDS_WITH_OUTCOMES.map((one) => PredictionKind[one]).join(", ")}`,
  ),
  model: checked(...MODEL),
  startTime: checked<Timestamp>(timestamp).optional(),
  endTime: checked<Timestamp>(timestamp).optional(),
});

/** Tells how a model's scores compare with what came of them. */
export function calibrationMethod({
  store,
  now,
}: {
  readonly store: Store;
  readonly now: () => Date;
}): ServiceImpl<typeof PredictionService>["getCalibration"] {
  return async (request, context) => {
    const { workspace } = getService(context.values);
    requireParent(request.parent, workspace.id);
    const { kind, model, startTime, endTime } = parseFields(calibrationSchema, request);
    const until = endTime === undefined ? now() : timestampDate(endTime);
    const from = startTime === undefined ? new Date(now().getTime() - SINCE_MS) : timestampDate(startTime);
    const found = await listPredictionOutcomes(store, {
      ...{ kind, model, from, until, limit: COUNTED_MAX },
      workspaceId: workspace.id,
    });
    const byVersion = Map.groupBy(found.slice(0, COUNTED_MAX), ({ modelVersion }) => modelVersion);
    return {
      horizon: durationFromMs(findHorizonMs(kind) ?? 0),
      truncated: found.length > COUNTED_MAX,
      versions: [...byVersion]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([modelVersion, scored]) => {
          const { bins, count, positiveCount, ...figures } = calibrate(scored);
          return create(VersionCalibrationSchema, {
            ...{ modelVersion, ...figures },
            count: BigInt(count),
            positiveCount: BigInt(positiveCount),
            bins: bins.map((bin) => ({ ...bin, count: BigInt(bin.count) })),
          });
        }),
    };
  };
}
