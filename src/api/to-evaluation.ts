import { create } from "@bufbuild/protobuf";
import { EvaluateResponseSchema } from "../../gen/intervention/v1/optimization_service_pb.js";
import type { ChoicesEvaluation } from "../domain/policy/evaluate-choices.ts";

/** Estimates as the API says them. */
export const toEvaluation = (
  { estimates, warnings, ...figures }: ChoicesEvaluation,
  { rounds, isCut, what }: { readonly rounds: number; readonly isCut: boolean; readonly what: string },
) =>
  create(EvaluateResponseSchema, {
    ...(estimates === undefined ? {} : estimates),
    ...figures,
    rounds: BigInt(rounds),
    warnings: [...warnings, ...(isCut ? [`there are more ${what}: these are ${rounds} of them`] : [])],
  });
