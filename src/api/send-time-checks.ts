import type { Duration } from "@bufbuild/protobuf/wkt";
import { z } from "zod";
import { SendTime_Method, SendTime_MethodSchema } from "../../gen/intervention/v1/intervention_pb.js";
import { checked, durationBetween, memberOf } from "./field-checks.ts";

const WITHIN = { minS: 3_600, maxS: 7 * 86_400, allowed: "1 h to 7 days" };

/** When a policy has messages sent. */
export const sendTimeSchema = z
  .object({
    method: checked<SendTime_Method>(memberOf(SendTime_MethodSchema, { allowUnspecified: true })),
    within: checked<Duration>(durationBetween(WITHIN)).optional(),
  })
  .refine(({ method, within }) => within === undefined || method === SendTime_Method.BEST_HOUR, {
    path: ["within"],
    error: "it is for METHOD_BEST_HOUR alone",
  });
