import type { InterventionMessage } from "../../gen/intervention/v1/bus_pb.js";
import { fromContactChannel } from "../domain/delivery/channel-names.ts";
import type { LoadedProfile } from "./profile-loader.ts";
import type { Asked } from "./suppressed.ts";
import { toOutsideWanted } from "./to-outside-wanted.ts";

/** The addresses that a decision could choose; none where its policy names no channel that needs one. */
export function toAsked(
  message: {
    readonly workspace: string;
    readonly policy?: InterventionMessage["policy"] | undefined;
    readonly recipient?: InterventionMessage["recipient"] | undefined;
  },
  { contacts }: LoadedProfile,
): Asked {
  const isOutside = toOutsideWanted(message).length > 0;
  const all = isOutside ? [...(message.recipient?.addresses ?? []), ...contacts.addresses] : [];
  const addresses = all.flatMap(({ channel, address }) => {
    const name = fromContactChannel(channel);
    return name === undefined ? [] : [{ channel: name, address }];
  });
  return { workspaceId: message.workspace, policy: message.policy, addresses };
}
