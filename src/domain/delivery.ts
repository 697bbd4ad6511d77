/** How far a delivery has come.
 *
 *     sent ──► delivered ──► displayed ──► dismissed
 *      │          ▲              └───────► clicked
 *      ├──► inboxed
 *      ├──► expired
 *      └──► cancelled (from sent and inboxed)
 *
 *  Reports from devices arrive late, twice and out of order, so a state is a rank: the furthest one reported stands, and
 *  what comes after is ignored if it is not further. */
export type DeliveryState = "sent" | "inboxed" | "expired" | "cancelled" | "delivered" | "displayed" | "dismissed" | "clicked";

/** A device that shows a message proves that it was delivered after all, whatever the engine thought: so what devices report
 *  ranks above what the engine does by itself. */
export const DELIVERY_RANK: Readonly<Record<DeliveryState, number>> = {
  sent: 0,
  inboxed: 10,
  expired: 20,
  cancelled: 30,
  delivered: 40,
  displayed: 50,
  dismissed: 60,
  clicked: 70,
};

/** The state after a report. */
export function toFurthest(current: DeliveryState, reported: DeliveryState): DeliveryState {
  return DELIVERY_RANK[reported] > DELIVERY_RANK[current] ? reported : current;
}
