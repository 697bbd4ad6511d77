import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { DecisionInput } from "../../../gen/intervention/v1/decision_pb.js";
import { Channel } from "../../../gen/intervention/v1/intervention_pb.js";
import {
  ConsentStatus,
  ContactChannel,
  ProfileFallback,
  type ProfileSnapshot,
  ProfileSource,
  Purpose,
} from "../../../gen/intervention/v1/profile_pb.js";

const DEFAULT_CHANNELS: readonly Channel[] = [Channel.REALTIME, Channel.INBOX];

/** The channels a policy wants, without those on which the user has said no to its purpose. A user who has said nothing may be
 *  reached: these channels are within the shop itself, and are left by closing it. */
export function toPermitted({ policy, profile }: Pick<DecisionInput, "policy" | "profile">): {
  /** In the policy's order. */
  readonly permitted: readonly Channel[];
  /** What the user has said no to, in words. */
  readonly refused: readonly string[];
} {
  const wanted = policy === undefined || policy.channels.length === 0 ? DEFAULT_CHANNELS : policy.channels;
  const purpose = policy?.purpose || Purpose.MARKETING;
  const refusals = (profile?.consents ?? []).filter(
    (consent) => consent.status === ConsentStatus.DENIED && consent.purpose === purpose,
  );
  const findRefusal = (channel: Channel) => refusals.find((consent) => consent.channel === CONTACTS[channel]);
  return {
    permitted: wanted.filter((channel) => findRefusal(channel) === undefined),
    refused: wanted.flatMap((channel) => {
      const refusal = findRefusal(channel);
      if (refusal === undefined) return [];
      const since = refusal.changeTime === undefined ? "" : ` on ${timestampDate(refusal.changeTime).toISOString()}`;
      return `${Purpose[purpose].toLowerCase()} by ${Channel[channel].toLowerCase()}${since}`;
    }),
  };
}

const CONTACTS: Readonly<Record<Channel, ContactChannel>> = {
  [Channel.UNSPECIFIED]: ContactChannel.UNSPECIFIED,
  [Channel.REALTIME]: ContactChannel.REALTIME,
  [Channel.INBOX]: ContactChannel.INBOX,
};

const SOURCES: Readonly<Record<ProfileSource, string>> = {
  [ProfileSource.UNSPECIFIED]: "profile not looked at",
  [ProfileSource.DATA_INTELLIGENCE]: "profile from data intelligence",
  [ProfileSource.OWN]: "profile of our own",
  [ProfileSource.NONE]: "no profile",
};
const FALLBACKS: Readonly<Record<ProfileFallback, string>> = {
  [ProfileFallback.UNSPECIFIED]: "",
  [ProfileFallback.TIMEOUT]: ", as data intelligence did not answer in time",
  [ProfileFallback.OPEN]: ", as data intelligence is left alone after failures",
  [ProfileFallback.ERROR]: ", as data intelligence failed",
  [ProfileFallback.GARBAGE]: ", as data intelligence gave no valid answer",
  [ProfileFallback.FULL]: ", as too many calls to data intelligence were under way",
};

/** What the profile rests on, in words. */
export function toProfileText(profile: ProfileSnapshot | undefined): string {
  if (profile === undefined) return SOURCES[ProfileSource.UNSPECIFIED];
  return `${SOURCES[profile.source]}${profile.stale ? ", past its freshness" : ""}${FALLBACKS[profile.fallback]}`;
}
