import type { DecisionInput } from "../../../gen/intervention/v1/decision_pb.js";
import { ChannelChoice_Feature } from "../../../gen/intervention/v1/intervention_pb.js";
import { toLocalMinute } from "../schedule/quiet-hours.ts";

const ALL = "all";
const DAYPARTS = ["night", "morning", "afternoon", "evening"] as const;
const DAYPART_MINUTES = 360;

/** The group of users that a choice of channel learns for, by what the policy tells users apart by: of a bounded number, whatever is
 *  said of a user. */
export function toChoiceSegment(
  input: Pick<DecisionInput, "policy" | "recipient" | "profile" | "defaultTimeZone">,
  now: Date,
): string {
  const features = input.policy?.channelChoice?.segmentBy ?? [];
  const parts = features.map((feature) => {
    if (feature === ChannelChoice_Feature.LANGUAGE) return `language=${toLanguage(input)}`;
    return `daypart=${toDaypart(input, now)}`;
  });
  return parts.length === 0 ? ALL : parts.sort().join(",");
}

function toLanguage({ recipient, profile }: Pick<DecisionInput, "recipient" | "profile">): string {
  const locale = recipient?.locale || profile?.locale || "";
  return /^[a-z]{2}(?=-|$)/.exec(locale.toLowerCase())?.[0] ?? "other";
}

function toDaypart(
  { recipient, profile, defaultTimeZone }: Pick<DecisionInput, "recipient" | "profile" | "defaultTimeZone">,
  now: Date,
): string {
  const timeZone = recipient?.timeZone || profile?.timeZone || defaultTimeZone;
  return DAYPARTS[Math.floor(toLocalMinute(now, timeZone) / DAYPART_MINUTES)] ?? DAYPARTS[0];
}
