import { toBinary } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Binary } from "mongodb";
import {
  type Decision,
  type DecisionInput,
  DecisionInputSchema,
  DecisionSchema,
  Outcome,
} from "../../gen/intervention/v1/decision_pb.js";
import { invariant } from "../domain/assert.ts";
import { toChannelName } from "../domain/delivery/channel-names.ts";
import { type DecisionDocument, decisionId, toCapSlot } from "../store/index.ts";

const OUTCOMES = {
  [Outcome.SEND]: "send",
  [Outcome.DELAY]: "delay",
  [Outcome.SUPPRESS]: "suppress",
  [Outcome.EXPIRE]: "expire",
  [Outcome.CANCEL]: "cancel",
  [Outcome.KEEP]: "keep",
} as const;

/** A decision as it is kept, with all that it was made on. */
export function toDecisionDocument({
  input,
  decision,
  capNumber,
  now,
  capUserId,
  segments,
}: {
  input: DecisionInput;
  decision: Decision;
  capNumber: number | undefined;
  now: Date;
  capUserId: string;
  segments: readonly string[];
}): DecisionDocument {
  invariant(decision.outcome !== Outcome.UNSPECIFIED, "a decision has an outcome");
  const channel = toChannelName(decision.channel);
  return {
    _id: decisionId(input.interventionId, input.round),
    workspaceId: input.workspace,
    interventionId: input.interventionId,
    userId: input.recipient?.userId ?? "",
    campaign: input.campaign,
    round: input.round,
    outcome: OUTCOMES[decision.outcome],
    decidedAt: now,
    ...(segments.length === 0 ? {} : { segments }),
    ...(decision.notBefore === undefined ? {} : { notBefore: timestampDate(decision.notBefore) }),
    ...(decision.fallback === 0 ? {} : { fallback: decision.fallback }),
    ...(decision.fallbackTime === undefined ? {} : { fallbackAt: timestampDate(decision.fallbackTime) }),
    ...(decision.choice === undefined ? {} : { chosenAt: now }),
    ...(input.experiments.length === 0 ? {} : { inExperiment: true }),
    ...(capNumber === undefined
      ? {}
      : {
          capSlot: toCapSlot({
            workspaceId: input.workspace,
            userId: capUserId,
            number: capNumber,
          }),
        }),
    input: new Binary(toBinary(DecisionInputSchema, input)),
    decision: new Binary(toBinary(DecisionSchema, decision)),
    ...(channel === undefined ? {} : { channel }),
  };
}
