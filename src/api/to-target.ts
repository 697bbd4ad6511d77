import type { Channel } from "../../gen/intervention/v1/intervention_pb.js";
import { type TargetPolicy, TargetPolicy_Kind } from "../../gen/intervention/v1/optimization_service_pb.js";
import { CHANNEL_PRIOR } from "../domain/decision/choose-channel.ts";
import type { ChannelName } from "../domain/delivery/channel-names.ts";
import { toChannelName } from "../domain/delivery/channel-names.ts";
import type { LoggedChoice, Target } from "../domain/policy/evaluate-choices.ts";
import type { BetaParameters } from "../domain/statistics/beta-logit.ts";
import { thompsonAllocation } from "../domain/statistics/thompson-allocation.ts";

/** A policy in question as probabilities at each logged choice.
 *  @param find what is known now of a channel's reward. */
export function toTarget(
  { kind, channel, temperature }: Pick<TargetPolicy, "kind" | "channel" | "temperature">,
  find: (segment: string, channel: ChannelName) => BetaParameters,
): Target<Channel> {
  const known = remembered(({ segment, arms }) =>
    arms.map((arm) => {
      const name = toChannelName(arm);
      return name === undefined ? CHANNEL_PRIOR : find(segment, name);
    }),
  );
  switch (kind) {
    case TargetPolicy_Kind.ALWAYS:
      return ({ arms }) => only(Math.max(0, arms.indexOf(channel)), arms.length);
    case TargetPolicy_Kind.SOFTMAX:
      return remembered((choice) => softmax(known(choice), temperature));
    case TargetPolicy_Kind.LEARNED:
      return remembered((choice) => thompsonAllocation(known(choice)));
    default:
      return ({ arms }) => only(0, arms.length);
  }
}

const only = (index: number, length: number) => Array.from({ length }, (_, arm) => (arm === index ? 1 : 0));

function softmax(arms: readonly BetaParameters[], temperature: number): number[] {
  const means = arms.map(({ alpha, beta }) => alpha / (alpha + beta));
  const largest = Math.max(...means);
  const weights = means.map((mean) => Math.exp((mean - largest) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** What depends on segment and arms alone is reckoned once for the many choices that share them. */
function remembered<T>(reckon: (choice: LoggedChoice<Channel>) => T): (choice: LoggedChoice<Channel>) => T {
  const results = new Map<string, T>();
  return (choice) => {
    const key = `${choice.segment}/${choice.arms.join(",")}`;
    const result = results.get(key) ?? reckon(choice);
    results.set(key, result);
    return result;
  };
}
