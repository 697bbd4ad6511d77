import { create, type JsonObject } from "@bufbuild/protobuf";
import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import { z } from "zod";
import {
  type Prediction,
  PredictionKind,
  PredictionKindSchema,
  PredictionSchema,
} from "../../gen/intervention/v1/shopper_pb.js";
import {
  type Check,
  checked,
  jsonUpTo,
  memberOf,
  parseFields,
  text,
  timestamp,
  withoutControlCharacters,
} from "./field-checks.ts";
import { USER_ID } from "./parse-trigger.ts";

const FEATURES_BYTES_MAX = 16_384;
const required = (what: string) => ({ error: `it is missing; it says ${what}` });

export const MODEL: readonly Check<string>[] = [text({ min: 1, max: 64 }), withoutControlCharacters];

const probability: Check<number> = (value) => (value >= 0 && value <= 1 ? undefined : `${value} is not in 0 to 1`);

const predictionSchema = z
  .object({
    predictionId: checked(text({ min: 1, max: 256 }), withoutControlCharacters),
    userId: checked(...USER_ID),
    kind: checked<PredictionKind>(memberOf(PredictionKindSchema, { allowUnspecified: false })),
    score: checked(probability),
    model: checked(...MODEL),
    modelVersion: checked(...MODEL),
    predictTime: z
      .custom((value) => value !== undefined, required("when it was made"))
      .pipe(checked<Timestamp>(timestamp)),
    expireTime: checked<Timestamp>(timestamp).optional(),
    features: checked<JsonObject>(jsonUpTo(FEATURES_BYTES_MAX)).optional(),
    productId: checked(text({ max: 128 }), withoutControlCharacters),
  })
  .superRefine(({ kind, productId, predictTime, expireTime }, context) => {
    if (kind === PredictionKind.NEXT_BEST_PRODUCT && productId === "")
      context.addIssue({ code: "custom", path: ["productId"], message: "it is empty; it says which product" });
    if (expireTime !== undefined && timestampMs(expireTime) <= timestampMs(predictTime))
      context.addIssue({ code: "custom", path: ["expireTime"], message: "it is not after predict_time" });
  });

/** Makes a prediction safe to rely on.
 *  @throws InvalidInput naming every bad field. */
export function parsePrediction(prediction: Prediction): Prediction {
  const { features, expireTime, ...fields } = parseFields(predictionSchema, prediction);
  // Made anew, so that nothing this version does not know gets in.
  return create(PredictionSchema, {
    ...fields,
    ...(features === undefined ? {} : { features }),
    ...(expireTime === undefined ? {} : { expireTime }),
  });
}
