import { Channel } from "../../../gen/intervention/v1/intervention_pb.js";
import { ContactChannel } from "../../../gen/intervention/v1/profile_pb.js";
import { assertNever } from "../assert.ts";

/** A channel that a provider outside the engine carries. */
export type OutsideChannelName = "email" | "sms" | "push" | "webhook";
/** A channel by the name it has in documents, subjects, metrics and ids. */
export type ChannelName = "realtime" | "inbox" | OutsideChannelName;

export const OUTSIDE_CHANNELS: readonly OutsideChannelName[] = ["email", "sms", "push", "webhook"];

/** @returns undefined for none. */
export function toChannelName(channel: Channel): ChannelName | undefined {
  switch (channel) {
    case Channel.UNSPECIFIED:
      return undefined;
    case Channel.REALTIME:
      return "realtime";
    case Channel.INBOX:
      return "inbox";
    case Channel.EMAIL:
      return "email";
    case Channel.SMS:
      return "sms";
    case Channel.PUSH:
      return "push";
    case Channel.WEBHOOK:
      return "webhook";
    default:
      return assertNever(channel);
  }
}

const CHANNELS: Readonly<Record<string, Channel>> = {
  realtime: Channel.REALTIME,
  inbox: Channel.INBOX,
  email: Channel.EMAIL,
  sms: Channel.SMS,
  push: Channel.PUSH,
  webhook: Channel.WEBHOOK,
};

/** The other way round; unspecified for a name of none. */
export const fromChannelName = (name: string | undefined): Channel =>
  (name !== undefined && Object.hasOwn(CHANNELS, name) ? CHANNELS[name] : undefined) ?? Channel.UNSPECIFIED;

/** @returns undefined for a channel of the engine's own. */
export function toOutsideChannel(channel: Channel): OutsideChannelName | undefined {
  const name = toChannelName(channel);
  return OUTSIDE_CHANNELS.find((one) => one === name);
}

const CONTACTS: Readonly<Record<Channel, ContactChannel>> = {
  [Channel.UNSPECIFIED]: ContactChannel.UNSPECIFIED,
  [Channel.REALTIME]: ContactChannel.REALTIME,
  [Channel.INBOX]: ContactChannel.INBOX,
  [Channel.EMAIL]: ContactChannel.EMAIL,
  [Channel.SMS]: ContactChannel.SMS,
  [Channel.PUSH]: ContactChannel.PUSH,
  // It reaches a system of the shop's own, and no user.
  [Channel.WEBHOOK]: ContactChannel.UNSPECIFIED,
};

/** The channel of a provider that a user is reached on by it. */
export const fromContactChannel = (contact: ContactChannel): OutsideChannelName | undefined =>
  OUTSIDE_CHANNELS.find(
    (name) => contact !== ContactChannel.UNSPECIFIED && toContactChannel(fromChannelName(name)) === contact,
  );

/** By what a user is reached on it, and says yes or no to it; unspecified where no user is. */
export const toContactChannel = (channel: Channel): ContactChannel => CONTACTS[channel];
