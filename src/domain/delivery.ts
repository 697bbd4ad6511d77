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
 *      ├──► expired, cancelled
 *      └──► failed, uncertain
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
  | "delivered"
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

/** What a provider has can't be taken back: having sent it comes after having tried to stop it. */
const OUTSIDE_ORDER: readonly DeliveryState[] = [
  "queued",
  "expired",
  "cancelled",
  "failed",
  "uncertain",
  "sent",
  "delivered",
  "displayed",
  "dismissed",
  "clicked",
];

/** Where the decision for a channel puts it. */
export const toFirstState = (channel: ChannelName | undefined): FirstState =>
  channel === "inbox" ? "inboxed" : channel === "realtime" || channel === undefined ? "sent" : "queued";

/** The state that the kinds of events of one delivery add up to. Kinds that say nothing about it are passed over.
 *  @param first where the decision put it. */
export function toDeliveryState(first: FirstState, kinds: Iterable<string>): DeliveryState {
  const happened = new Set(kinds);
  const order = first === "queued" ? OUTSIDE_ORDER : ORDER;
  return order.findLast((state) => happened.has(state) && order.indexOf(state) > order.indexOf(first)) ?? first;
}
