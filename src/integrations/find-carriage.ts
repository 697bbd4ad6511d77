import type { Channel } from "../../gen/intervention/v1/intervention_pb.js";
import { toOutsideChannel } from "../domain/delivery/channel-names.ts";
import type { ProviderDirectory } from "./provider-directory.ts";

/** What a decision asks of a workspace's provider accounts, from memory: whether a channel is carried, and what a message costs there. */
export function toFindCarriage(directory: Pick<ProviderDirectory, "listActive">) {
  const list = (workspaceId: string, channel: Channel) => {
    const name = toOutsideChannel(channel);
    return name === undefined ? [] : directory.listActive(workspaceId, name);
  };
  return {
    costOf: (workspaceId: string, channel: Channel) => list(workspaceId, channel)[0]?.cost,
    isProvided: (workspaceId: string, channel: Channel) => list(workspaceId, channel).length > 0,
  };
}
