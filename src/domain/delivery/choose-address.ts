import type { DecisionInput } from "../../../gen/intervention/v1/decision_pb.js";
import type { Channel } from "../../../gen/intervention/v1/intervention_pb.js";
import { type Address, ContactChannel } from "../../../gen/intervention/v1/profile_pb.js";
import { toContactChannel } from "./channel-names.ts";

/** Where a user is reached on a channel, and who said so. */
export type ChosenAddress = { readonly address: string; readonly from: "request" | "profile" };

/** The address that a request names for the channel, or else the best of the profile, of those that are not suppressed.
 *  @returns undefined when there is none; an empty address for a channel that reaches no user. */
export function chooseAddress(
  { recipient, profile, suppressedAddresses }: Pick<DecisionInput, "recipient" | "profile" | "suppressedAddresses">,
  channel: Channel,
): ChosenAddress | undefined {
  const contact = toContactChannel(channel);
  if (contact === ContactChannel.UNSPECIFIED) return { address: "", from: "request" };
  const suppressed = new Set(
    suppressedAddresses.filter((one) => one.channel === channel).map(({ address }) => address),
  );
  const named = recipient?.addresses.find((one) => one.channel === contact);
  // Whoever names an address means no other.
  if (named !== undefined && suppressed.has(named.address)) return undefined;
  if (named !== undefined) return { address: named.address, from: "request" };
  const known = profile?.addresses.filter(({ address }) => !suppressed.has(address)) ?? [];
  const best = findBestAddress(known, contact);
  return best === undefined ? undefined : { address: best.address, from: "profile" };
}

type Ranked = Pick<Address, "channel" | "address" | "verified" | "primary">;

/** The first choice of a channel: verified before not, then the user's own first choice, then the first in order. */
export function findBestAddress<T extends Ranked>(addresses: readonly T[], contact: ContactChannel): T | undefined {
  const rank = ({ verified, primary }: Ranked) => (verified ? 2 : 0) + (primary ? 1 : 0);
  return addresses
    .filter(({ channel }) => channel === contact)
    .reduce<T | undefined>((best, one) => (best === undefined || rank(one) > rank(best) ? one : best), undefined);
}
