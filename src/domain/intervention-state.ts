import { State } from "../../gen/intervention/v1/intervention_pb.js";
import { assertNever } from "./assert.ts";
import type { ChannelName } from "./delivery/channel-names.ts";
import { type DeliveryState, toDeliveryState, toFirstState } from "./delivery.ts";

/** What is known of the latest round. */
export type LatestRound = {
  readonly outcome: "send" | "delay" | "suppress" | "expire" | "cancel" | "keep";
  readonly channel?: ChannelName;
};

const OF_DELIVERY: Readonly<Record<DeliveryState, State>> = {
  queued: State.QUEUED,
  failed: State.FAILED,
  uncertain: State.UNCERTAIN,
  rejected: State.FAILED,
  soft_bounced: State.BOUNCED,
  bounced: State.BOUNCED,
  sent: State.SENT,
  inboxed: State.INBOXED,
  expired: State.EXPIRED,
  cancelled: State.CANCELLED,
  delivered: State.DELIVERED,
  displayed: State.DISPLAYED,
  dismissed: State.DISMISSED,
  clicked: State.CLICKED,
};

/** How far an intervention has come: it is what its latest decision says, and what has happened to the delivery this led to.
 *  @param kinds of its events, as of `toProgress`. */
export function toState(latest: LatestRound | undefined, kinds: Iterable<string>): State {
  if (latest === undefined) return State.ACCEPTED;
  switch (latest.outcome) {
    case "send":
      return OF_DELIVERY[toDeliveryState(toFirstState(latest.channel), kinds)];
    // Never the one that stands: it follows a send.
    case "keep":
      return OF_DELIVERY[toDeliveryState("sent", kinds)];
    case "delay":
      return State.DELAYED;
    case "suppress":
      return State.SUPPRESSED;
    case "expire":
      return State.EXPIRED;
    case "cancel":
      return State.CANCELLED;
    default:
      return assertNever(latest.outcome);
  }
}
