import type { InterventionMessage } from "../../gen/intervention/v1/bus_pb.js";
import { toWanted } from "../domain/decision/to-wanted.ts";
import { toOutsideChannel } from "../domain/delivery/channel-names.ts";

/** The channels of a policy and its fallbacks that need a provider. */
export const toOutsideWanted = ({ policy }: { readonly policy?: InterventionMessage["policy"] | undefined }) =>
  toWanted(policy === undefined ? {} : { policy })
    .map(({ channel }) => channel)
    .filter((channel) => toOutsideChannel(channel) !== undefined);
