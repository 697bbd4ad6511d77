import type { ChannelName } from "./delivery/channel-names.ts";

/** How far a delivery has come.
 *
 *     sent ──► delivered ──► displayed ──► dismissed
 *      │ │        ▲              └───────► clicked
 *      │ └► inboxed
 *      ├──► expired
 *      └──► cancelled (from sent and inboxed)
 *
 *  And one that a provider outside carries:
 *
 *     queued ──► sent ──► delivered ──► ...
 *      ├──► expired, cancelled  ├► rejected, soft_bounced
 *      └──► failed, uncertain   └► delivered ──► bounced
 *
 *  Reports from devices arrive late, twice and out of order, so a state is a rank: the furthest one reported stands. The state
 *  is not stored anywhere: it is what the stored events add up to, so that it can't disagree with them. */
export type DeliveryState =
  | "queued"
  | "sent"
  | "inboxed"
  | "expired"
  | "cancelled"
  | "failed"
  | "uncertain"
  | "rejected"
  | "soft_bounced"
  | "delivered"
  | "bounced"
  | "displayed"
  | "dismissed"
  | "clicked";

/** Where a decision puts a delivery. */
export type FirstState = "sent" | "inboxed" | "queued";

/** From the least far to the furthest. A device that shows a message proves that it was delivered after all, whatever the engine
 *  thought: so what devices report comes after what the engine does by itself. */
const ORDER: readonly DeliveryState[] = [
  "sent",
  "inboxed",
  "expired",
  "cancelled",
  "delivered",
  "displayed",
  "dismissed",
  "clicked",
];

/** What a provider has can't be taken back: having sent it comes after having tried to stop it. A server that has taken a mail can
 *  bounce it still; a soft bounce after that is mostly the answer of somebody who is away, and says nothing against the delivery. */
const OUTSIDE_ORDER: readonly DeliveryState[] = [
  "queued",
  "expired",
  "cancelled",
  "failed",
  "uncertain",
  "sent",
  "rejected",
  "soft_bounced",
  "delivered",
  "bounced",
  "displayed",
  "dismissed",
  "clicked",
];

/** Where the decision for a channel puts it. */
export const toFirstState = (channel: ChannelName | undefined): FirstState =>
  channel === "inbox" ? "inboxed" : channel === "realtime" || channel === undefined ? "sent" : "queued";

/** Who says this of a message has got it, whatever its provider told of that. */
const PROOFS: ReadonlyMap<string, DeliveryState> = new Map([
  ["complained", "delivered"],
  ["unsubscribed", "delivered"],
]);

/** The state that the events of one delivery add up to. What says nothing about it is passed over.
 *  @param first where the decision put it. @param kinds as of `toProgress`. */
export function toDeliveryState(first: FirstState, kinds: Iterable<string>): DeliveryState {
  const happened = new Set<string>();
  for (const kind of kinds) happened.add(PROOFS.get(kind) ?? kind);
  const order = first === "queued" ? OUTSIDE_ORDER : ORDER;
  return order.findLast((state) => happened.has(state) && order.indexOf(state) > order.indexOf(first)) ?? first;
}
