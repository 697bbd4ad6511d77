import { create } from "@bufbuild/protobuf";
import { durationMs, timestampDate } from "@bufbuild/protobuf/wkt";
import type { InterventionMessage } from "../../gen/intervention/v1/bus_pb.js";
import {
  ChannelCostSchema,
  ChannelEvidenceSchema,
  ChoiceInputSchema,
  type DecisionInput,
} from "../../gen/intervention/v1/decision_pb.js";
import { ChannelChoice_Method } from "../../gen/intervention/v1/intervention_pb.js";
import { toChoiceSegment } from "../domain/decision/to-choice-segment.ts";
import { toWanted } from "../domain/decision/to-wanted.ts";
import { toChannelName } from "../domain/delivery/channel-names.ts";
import { toCostTimes } from "../domain/delivery/message-cost.ts";
import { DEFAULT_HALF_LIFE_MS } from "../domain/policy/half-life.ts";
import { decisionId } from "../store/index.ts";
import type { DecideOptions } from "./decide.ts";

const asksCosts = ({ policy, fallback }: DecisionInput) =>
  (policy?.channelChoice?.method === ChannelChoice_Method.LEARNED && fallback === undefined) ||
  (policy?.costMax.length ?? 0) > 0;

/** Records what messages cost, of an SMS by its segments: once more when it has been rendered. */
export function addCosts(
  { costOf }: Pick<DecideOptions, "costOf">,
  input: DecisionInput,
  message: InterventionMessage,
): void {
  if (!asksCosts(input)) return;
  input.channelCosts = toWanted(input).flatMap(({ channel }) => {
    const cost = costOf(input.workspace, channel);
    if (cost === undefined) return [];
    const micros = BigInt(cost.micros * toCostTimes(channel, message, input.template));
    return create(ChannelCostSchema, { channel, cost: { currency: cost.currency, micros } });
  });
}

/** Records what a choice of channel is made on, where the policy asks for one: what messages cost, and what was learnt. All of it
 *  from memory. */
export function addChoice(
  { costOf, choices }: Pick<DecideOptions, "costOf" | "choices">,
  input: DecisionInput,
  message: InterventionMessage,
): void {
  const { policy, workspace } = input;
  const choice = policy?.channelChoice;
  const isLearned = choice?.method === ChannelChoice_Method.LEARNED && input.fallback === undefined;
  const wanted = toWanted(input);
  addCosts({ costOf }, input, message);
  if (!isLearned) return;
  const segment = toChoiceSegment(input, input.now === undefined ? new Date(0) : timestampDate(input.now));
  const halfLifeMs = choice.halfLife === undefined ? DEFAULT_HALF_LIFE_MS : durationMs(choice.halfLife);
  const evidence = wanted.flatMap(({ channel, step }) => {
    const name = toChannelName(channel);
    if (step > 0 || name === undefined) return [];
    return create(ChannelEvidenceSchema, {
      channel,
      ...choices.find(workspace, { segment, channel: name, halfLifeMs }),
    });
  });
  const seed = decisionId(input.interventionId, input.round);
  input.choice = create(ChoiceInputSchema, { segment, evidence, seed });
}
