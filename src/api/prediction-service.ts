import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import {
  type IngestPredictionResponse,
  IngestPredictionResponseSchema,
  type IngestPredictionResult,
  IngestPredictionResultSchema,
  IngestPredictionStreamResponseSchema,
  PredictionEffect,
  type PredictionService,
} from "../../gen/intervention/v1/prediction_service_pb.js";
import { type Prediction, PredictionKindSchema, PredictionSchema } from "../../gen/intervention/v1/shopper_pb.js";
import { InvalidInput } from "../domain/errors.ts";
import { findNewestPrediction, type Store } from "../store/index.ts";
import { type AnswerStreamParts, answerStream } from "./answer-stream.ts";
import { getService } from "./authenticate.ts";
import { calibrationMethod } from "./calibration-method.ts";
import { checked, parseFields } from "./field-checks.ts";
import { parsePrediction } from "./parse-prediction.ts";
import { USER_ID } from "./parse-trigger.ts";
import { requireParent } from "./resource-name.ts";
import { toConnectError, toSeverity, toStatus } from "./to-connect-error.ts";

/** What takes predictions in. */
type PredictionTaker = {
  readonly ingest: (given: { readonly workspace: string; readonly prediction: Prediction }) => Promise<{
    readonly effect: "kept" | "stale" | "repeated" | "expired";
    readonly interventionIds: readonly string[];
  }>;
};

/** What the service stands on. */
export type PredictionServiceParts = AnswerStreamParts & {
  readonly store: Store;
  readonly predictions: PredictionTaker;
  readonly now: () => Date;
};

const BATCH_MAX = 1_000;

const EFFECTS = {
  kept: PredictionEffect.KEPT,
  stale: PredictionEffect.STALE,
  repeated: PredictionEffect.REPEATED,
  expired: PredictionEffect.EXPIRED,
} as const;

const userSchema = z.object({ userId: checked(...USER_ID) });

/** Takes predictions in, and tells the newest. */
export function predictionService(parts: PredictionServiceParts): ServiceImpl<typeof PredictionService> {
  const { log, now, predictions, store } = parts;
  const ingest = async (workspace: string, prediction: Prediction | undefined): Promise<IngestPredictionResponse> => {
    const parsed = parsePrediction(prediction ?? create(PredictionSchema));
    const { effect, interventionIds } = await predictions.ingest({ workspace, prediction: parsed });
    return create(IngestPredictionResponseSchema, { effect: EFFECTS[effect], interventionIds: [...interventionIds] });
  };
  const tryIngest = async (workspace: string, prediction: Prediction | undefined): Promise<IngestPredictionResult> => {
    try {
      const response = await ingest(workspace, prediction);
      return create(IngestPredictionResultSchema, { result: { case: "response", value: response } });
    } catch (error) {
      if (toSeverity(toConnectError(error)) === "bug")
        log.error({ event: "prediction_failed", err: error }, "a prediction could not be taken in");
      return create(IngestPredictionResultSchema, { result: { case: "error", value: toStatus(error) } });
    }
  };
  return {
    ingest(request, context) {
      const { workspace } = getService(context.values);
      requireParent(request.parent, workspace.id);
      return ingest(workspace.id, request.prediction);
    },
    async ingestBatch({ parent, predictions: given }, context) {
      const { workspace } = getService(context.values);
      requireParent(parent, workspace.id);
      if (given.length < 1 || given.length > BATCH_MAX) {
        const description = `there are ${given.length}; 1 to ${BATCH_MAX} are allowed`;
        throw new InvalidInput([{ field: "predictions", description }]);
      }
      return { results: await Promise.all(given.map((prediction) => tryIngest(workspace.id, prediction))) };
    },
    ingestStream(requests, context) {
      const { workspace } = getService(context.values);
      return answerStream(requests, {
        ...parts,
        signal: context.signal,
        async answer({ prediction }, index) {
          const result = await tryIngest(workspace.id, prediction);
          return create(IngestPredictionStreamResponseSchema, { index: BigInt(index), result });
        },
      });
    },
    getCalibration: calibrationMethod(parts),
    async get(request, context) {
      const { workspace } = getService(context.values);
      requireParent(request.parent, workspace.id);
      const { userId } = parseFields(userSchema, request);
      const kinds = PredictionKindSchema.values.map(({ number }) => number).filter((kind) => kind !== 0);
      const found = await Promise.all(
        kinds.map((kind) => findNewestPrediction(store, { workspaceId: workspace.id, userId, kind, now: now() })),
      );
      return { predictions: found.filter((one) => one !== undefined) };
    },
  };
}
