/** How far a delivery has come.
 *
 *     sent ──► delivered ──► displayed ──► dismissed
 *      │          ▲              └───────► clicked
 *      ├──► inboxed
 *      ├──► expired
 *      └──► cancelled (from sent and inboxed)
 *
 *  Reports from devices arrive late, twice and out of order, so a state is a rank: the furthest one reported stands. The state
 *  is not stored anywhere: it is what the stored events add up to, so that it can't disagree with them. */
export type DeliveryState =
  | "sent"
  | "inboxed"
  | "expired"
  | "cancelled"
  | "delivered"
  | "displayed"
  | "dismissed"
  | "clicked";

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

/** The state that the kinds of events of one delivery add up to. Kinds that say nothing about it are passed over.
 *  @param first where the decision put it. */
export function toDeliveryState(first: "sent" | "inboxed", kinds: Iterable<string>): DeliveryState {
  const happened = new Set(kinds);
  return ORDER.findLast((state) => happened.has(state) && ORDER.indexOf(state) > ORDER.indexOf(first)) ?? first;
}
