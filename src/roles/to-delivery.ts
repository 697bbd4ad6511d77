import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type DeliveryMessage,
  DeliveryMessageSchema,
  type InterventionMessage,
} from "../../gen/intervention/v1/bus_pb.js";
import { invariant } from "../domain/assert.ts";
import { chooseAddress } from "../domain/delivery/choose-address.ts";
import { ATTEMPTS_MAX } from "../domain/delivery/next-step.ts";
import { applyTreatments } from "../domain/experiment/apply-treatment.ts";
import { type DecisionDocument, toDecision, toDecisionInput } from "../store/index.ts";

/** What a decision to send by a provider puts on its way: the same again, whenever it is asked for. */
export function toDelivery(
  asked: InterventionMessage,
  document: Pick<DecisionDocument, "_id" | "input" | "decision" | "decidedAt" | "segments">,
): DeliveryMessage {
  const { channel } = toDecision(document);
  const input = toDecisionInput(document);
  const chosen = input === undefined ? undefined : chooseAddress(input, channel);
  invariant(chosen !== undefined, `decision ${document._id} sends to an address that its input does not have`);
  const { experiments } = input ?? asked;
  return create(DeliveryMessageSchema, {
    intervention: experiments.length === 0 ? asked : { ...applyTreatments(asked, experiments), experiments },
    channel,
    address: chosen.address,
    products: input?.products?.available ?? [],
    attempt: 1,
    segments: [...(document.segments ?? [])],
    attemptsMax: ATTEMPTS_MAX,
    decideTime: timestampFromDate(document.decidedAt),
    ...(input?.template === undefined ? {} : { template: input.template }),
  });
}
