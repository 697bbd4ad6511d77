import { type ChannelChosen, type DecisionInput, Outcome } from "../../../gen/intervention/v1/decision_pb.js";
import { Channel } from "../../../gen/intervention/v1/intervention_pb.js";
import { type OutsideChannelName, toChannelName, toOutsideChannel } from "../delivery/channel-names.ts";
import { chooseAddress } from "../delivery/choose-address.ts";
import { toPermitted } from "../profile/permitted-channels.ts";
import { chooseChannel } from "./choose-channel.ts";
import { type Finding, pass, stop } from "./finding.ts";
import { toWanted } from "./to-wanted.ts";

/** Which channel can reach the user now? The first that can, or one that is drawn of those that can. */
export function askChannel(input: DecisionInput): Finding {
  const passedOver: string[] = [];
  const reached: { readonly channel: Channel; readonly reason: string }[] = [];
  const drawn = new Set(
    input.choice === undefined ? [] : toWanted(input).flatMap(({ channel, step }) => (step === 0 ? [channel] : [])),
  );
  for (const channel of toPermitted(input).permitted) {
    // A fallback takes its turn when none of those that are drawn reaches the user.
    if (reached.length > 0 && !drawn.has(channel)) break;
    const reach = toReach(input, channel);
    if (reach?.kind === "reached") reached.push({ channel, reason: reach.reason });
    else if (reach !== undefined) passedOver.push(reach.reason);
  }
  const [first] = reached;
  if (first === undefined) return toNothing(input, passedOver);
  const choice = drawn.has(first.channel)
    ? chooseChannel(
        input,
        reached.map(({ channel }) => channel),
      )
    : undefined;
  if (choice === undefined) return { ...pass(first.reason), channel: first.channel };
  const { channel, chosen } = choice;
  const reason = reached.find((one) => one.channel === channel)?.reason ?? "";
  return { ...pass(`${reason}; ${toChoiceText(chosen)}`), channel, chosen };
}

function toChoiceText({ segment, probabilities }: ChannelChosen): string {
  const shares = probabilities.map(
    ({ channel, probability }) => `${toChannelName(channel)} ${(100 * probability).toFixed(1)} %`,
  );
  return `drawn for ${segment} from ${shares.join(", ")}`;
}

/** @returns undefined for a live socket that is not there, which the other reasons name. */
function toReach(
  input: DecisionInput,
  channel: Channel,
): { readonly kind: "reached" | "passed"; readonly reason: string } | undefined {
  const { hasLiveSocket, fallback, template } = input;
  if (template?.problem === "" && !template.channels.includes(channel))
    return { kind: "passed", reason: `${toChannelName(channel)} (the template has no part for it)` };
  if (channel === Channel.REALTIME)
    return hasLiveSocket ? { kind: "reached", reason: "realtime: the user has a live socket" } : undefined;
  if (channel === Channel.INBOX) {
    const isPreferred = hasLiveSocket || fallback !== undefined || input.choice !== undefined;
    return {
      kind: "reached",
      reason: isPreferred ? "inbox: as the policy prefers" : "inbox: the user has no live socket",
    };
  }
  const name = toOutsideChannel(channel);
  return name === undefined ? undefined : toReachOutside(input, channel, name);
}

function toReachOutside(input: DecisionInput, channel: Channel, name: OutsideChannelName) {
  const tooDear = findTooDear(input, channel);
  if (tooDear !== undefined) return { kind: "passed", reason: `${name} (${tooDear})` } as const;
  const chosen = chooseAddress(input, channel);
  if (chosen !== undefined && input.providedChannels.includes(channel)) {
    const address = chosen.address === "" ? "" : `the ${chosen.from} has an address, and `;
    return { kind: "reached", reason: `${name}: ${address}the workspace has a provider` } as const;
  }
  const suppressed = input.suppressedAddresses.find((one) => one.channel === channel);
  const noAddress = suppressed === undefined ? "no address" : `its address is suppressed: ${suppressed.reason}`;
  return { kind: "passed", reason: `${name} (${chosen === undefined ? noAddress : "no provider"})` } as const;
}

/** Why a channel costs more than the policy allows; undefined when it does not. */
function findTooDear({ policy, channelCosts }: DecisionInput, channel: Channel): string | undefined {
  const cost = channelCosts.find((one) => one.channel === channel)?.cost;
  const bound = policy?.costMax.find(({ currency }) => currency === cost?.currency);
  if (cost === undefined || bound === undefined || cost.micros <= bound.micros) return undefined;
  const toText = (micros: bigint) => (Number(micros) / 1_000_000).toString();
  return `costs ${toText(cost.micros)} ${cost.currency}, at most ${toText(bound.micros)}`;
}

function toNothing({ fallback, template, hasLiveSocket }: DecisionInput, passedOver: readonly string[]): Finding {
  if (fallback !== undefined)
    return stop(`no fallback reaches the user: ${passedOver.join(", ") || "all were tried"}`, Outcome.SUPPRESS);
  const others = passedOver.length === 0 ? "" : ` but ${passedOver.join(", ")}`;
  if (template !== undefined && hasLiveSocket) return stop(`no channel can be used${others}`, Outcome.SUPPRESS);
  return stop(`the user has no live socket, and no other channel is allowed${others}`, Outcome.SUPPRESS);
}
