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
import { toWanted } from "../decision/to-wanted.ts";
import { toContactChannel } from "../delivery/channel-names.ts";

/** The channels a policy wants, without those on which the user has said no to its purpose, and without email, SMS and push for
 *  marketing where he has not said yes. Realtime and inbox need no yes: they are within the shop itself, and are left by closing it. */
export function toPermitted({ policy, profile, fallback }: Pick<DecisionInput, "policy" | "profile" | "fallback">): {
  /** In the policy's order. */
  readonly permitted: readonly Channel[];
  /** What the user has said no to, in words. */
  readonly refused: readonly string[];
  /** What the user would have to say yes to first, in words. */
  readonly unasked: readonly string[];
} {
  const wanted = toWanted({ policy, fallback }).map(({ channel }) => channel);
  const purpose = policy?.purpose || Purpose.MARKETING;
  const said = (profile?.consents ?? []).filter((consent) => consent.purpose === purpose);
  const find = (channel: Channel, status: ConsentStatus) => {
    const contact = toContactChannel(channel);
    if (contact === ContactChannel.UNSPECIFIED) return undefined;
    return said.find((consent) => consent.status === status && consent.channel === contact);
  };
  const isRefused = (channel: Channel) => find(channel, ConsentStatus.DENIED) !== undefined;
  const isUnasked = (channel: Channel) =>
    purpose === Purpose.MARKETING &&
    NEEDING_CONSENT.has(toContactChannel(channel)) &&
    !isRefused(channel) &&
    find(channel, ConsentStatus.GRANTED) === undefined;
  const toText = (channel: Channel) => `${Purpose[purpose].toLowerCase()} by ${Channel[channel].toLowerCase()}`;
  return {
    permitted: wanted.filter((channel) => !isRefused(channel) && !isUnasked(channel)),
    refused: wanted.flatMap((channel) => {
      const refusal = find(channel, ConsentStatus.DENIED);
      if (refusal === undefined) return [];
      const since = refusal.changeTime === undefined ? "" : ` on ${timestampDate(refusal.changeTime).toISOString()}`;
      return `${toText(channel)}${since}`;
    }),
    unasked: wanted.filter(isUnasked).map(toText),
  };
}

const NEEDING_CONSENT: ReadonlySet<ContactChannel> = new Set([
  ContactChannel.EMAIL,
  ContactChannel.SMS,
  ContactChannel.PUSH,
]);

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
