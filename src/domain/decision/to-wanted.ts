import type { DecisionInput } from "../../../gen/intervention/v1/decision_pb.js";
import { Channel } from "../../../gen/intervention/v1/intervention_pb.js";

/** A channel that a decision may take, and which fallback it belongs to, from 1; 0: the policy's first channels. */
export type Wanted = { readonly channel: Channel; readonly step: number };

const DEFAULT_CHANNELS: readonly Channel[] = [Channel.REALTIME, Channel.INBOX];

/** The channels that a decision may take, in order. At first those of the policy, and after them those of its fallbacks: where none
 *  of the first reaches the user there is nothing to wait for. In the round of a fallback, those from it on that were not tried. */
export function toWanted({ policy, fallback }: Pick<DecisionInput, "policy" | "fallback">): readonly Wanted[] {
  const own = policy === undefined || policy.channels.length === 0 ? DEFAULT_CHANNELS : policy.channels;
  const later = (policy?.fallbacks ?? []).map(({ channel }, index) => ({ channel, step: index + 1 }));
  if (fallback !== undefined)
    return later.filter(({ channel, step }) => step >= fallback.step && !fallback.tried.includes(channel));
  const first = own.map((channel) => ({ channel, step: 0 }));
  return [...first, ...later.filter(({ channel }) => !own.includes(channel))];
}
