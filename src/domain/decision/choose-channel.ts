import { create } from "@bufbuild/protobuf";
import {
  type ChannelChosen,
  ChannelChosenSchema,
  type DecisionInput,
} from "../../../gen/intervention/v1/decision_pb.js";
import type { Channel } from "../../../gen/intervention/v1/intervention_pb.js";
import { chooseArm, withLeast } from "../policy/choose-arm.ts";
import type { BetaParameters } from "../statistics/beta-logit.ts";
import { thompsonAllocation } from "../statistics/thompson-allocation.ts";

/** Nothing is known of a channel that nobody has tried: every rate is as likely. */
export const CHANNEL_PRIOR: BetaParameters = { alpha: 1, beta: 1 };

/** Draws one of the channels that reach the user, each as often as it is, by the evidence, the best one.
 *  @param reachable one at least. @returns undefined where the input has no evidence: then the first is taken. */
export function chooseChannel(
  { choice, policy }: Pick<DecisionInput, "choice" | "policy">,
  reachable: readonly Channel[],
): { readonly channel: Channel; readonly chosen: ChannelChosen } | undefined {
  if (choice === undefined) return undefined;
  const arms = reachable.map(
    (channel) => choice.evidence.find((evidence) => evidence.channel === channel) ?? CHANNEL_PRIOR,
  );
  const probabilities = withLeast(allocate(arms), policy?.channelChoice?.exploration ?? 0);
  const { arm, propensity } = chooseArm(probabilities, choice.seed);
  const channel = reachable[arm];
  if (channel === undefined) return undefined;
  const chosen = create(ChannelChosenSchema, {
    segment: choice.segment,
    propensity,
    probabilities: reachable.map((one, index) => ({ channel: one, probability: probabilities[index] ?? 0 })),
  });
  return { channel, chosen };
}

/** Allocations that were computed, so that the many decisions between two outcomes share one: the same again costs nothing and comes
 *  to the same. */
const allocations = new Map<string, readonly number[]>();
const ALLOCATIONS_MAX = 1_000;

function allocate(arms: readonly BetaParameters[]): readonly number[] {
  const key = arms.map(({ alpha, beta }) => `${alpha}/${beta}`).join(" ");
  const known = allocations.get(key);
  if (known !== undefined) return known;
  const allocation = thompsonAllocation(arms);
  if (allocations.size >= ALLOCATIONS_MAX) allocations.clear();
  allocations.set(key, allocation);
  return allocation;
}
