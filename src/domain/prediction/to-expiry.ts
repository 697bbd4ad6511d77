import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { Prediction } from "../../../gen/intervention/v1/shopper_pb.js";

const HOLDS_MS = 3_600_000;

/** From when on a prediction no longer holds: an hour after it was made, unless it says otherwise. */
export function toExpiry({ expireTime, predictTime }: Pick<Prediction, "expireTime" | "predictTime">): Date {
  if (expireTime !== undefined) return new Date(timestampMs(expireTime));
  return new Date((predictTime === undefined ? 0 : timestampMs(predictTime)) + HOLDS_MS);
}
