import { type DecisionInput, Outcome } from "../../../gen/intervention/v1/decision_pb.js";
import { Channel } from "../../../gen/intervention/v1/intervention_pb.js";
import { toOutsideChannel } from "../delivery/channel-names.ts";
import { chooseAddress } from "../delivery/choose-address.ts";
import { toPermitted } from "../profile/permitted-channels.ts";
import { type Finding, pass, stop } from "./finding.ts";

/** Which channel can reach the user now? The first of the policy's that can. */
export function askChannel(input: DecisionInput): Finding {
  const { hasLiveSocket, fallback, template } = input;
  const passedOver: string[] = [];
  for (const channel of toPermitted(input).permitted) {
    if (template?.problem === "" && !template.channels.includes(channel)) {
      passedOver.push(`${Channel[channel].toLowerCase()} (the template has no part for it)`);
      continue;
    }
    if (channel === Channel.REALTIME && hasLiveSocket)
      return { ...pass("realtime: the user has a live socket"), channel };
    if (channel === Channel.INBOX)
      return {
        ...pass(
          hasLiveSocket || fallback !== undefined
            ? "inbox: as the policy prefers"
            : "inbox: the user has no live socket",
        ),
        channel,
      };
    const name = toOutsideChannel(channel);
    if (name === undefined) continue;
    const chosen = chooseAddress(input, channel);
    const isProvided = input.providedChannels.includes(channel);
    if (chosen !== undefined && isProvided) {
      const address = chosen.address === "" ? "" : `the ${chosen.from} has an address, and `;
      return { ...pass(`${name}: ${address}the workspace has a provider`), channel };
    }
    const suppressed = input.suppressedAddresses.find((one) => one.channel === channel);
    const noAddress = suppressed === undefined ? "no address" : `its address is suppressed: ${suppressed.reason}`;
    passedOver.push(`${name} (${chosen === undefined ? noAddress : "no provider"})`);
  }
  if (fallback !== undefined)
    return stop(`no fallback reaches the user: ${passedOver.join(", ") || "all were tried"}`, Outcome.SUPPRESS);
  const others = passedOver.length === 0 ? "" : ` but ${passedOver.join(", ")}`;
  if (template !== undefined && hasLiveSocket) return stop(`no channel can be used${others}`, Outcome.SUPPRESS);
  return stop(`the user has no live socket, and no other channel is allowed${others}`, Outcome.SUPPRESS);
}
