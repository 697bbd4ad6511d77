import { InvalidInput } from "../errors.ts";
import { attributePath, type Conversion } from "./attribute-path.ts";
import type { PathModel } from "./path-model.ts";
import type { Touch, Windows } from "./touch.ts";

/** What happened to a shopper's orders, in the order it was told. Values are minor units of one currency, safe integers. */
export type OrderEvent =
  | { readonly kind: "conversion"; readonly orderId: string; readonly value: number; readonly at: number }
  /** `value` > 0. Any number of them an order, together no more than its value. */
  | { readonly kind: "refund"; readonly orderId: string; readonly value: number; readonly at: number };

export type Ledger = {
  /** Every channel with a touch that is eligible for some order, those at 0 too. */
  readonly byChannel: ReadonlyMap<string, number>;
  readonly unattributed: number;
  /** Sum of `byChannel` and `unattributed`, exactly. */
  readonly netValue: number;
  readonly netByOrder: ReadonlyMap<string, number>;
};

/** Credits a shopper's orders, less what was refunded, to the touches before each. An order told again counts once: its first report
 *  stands. A refund takes credit back from the touches that had it, as the rest is shared out as at the order's own time.
 *  @throws InvalidInput for a refund of an unknown order or beyond its value, and for sums beyond 2^53. */
export function attributionLedger(
  touches: readonly Touch[],
  events: readonly OrderEvent[],
  options: { readonly model: PathModel; readonly windows: Windows },
): Ledger {
  const netByOrder = new Map<string, number>();
  const byChannel = new Map<string, number>();
  let unattributed = 0;
  let netValue = 0;
  for (const [orderId, { value, at }] of netOrders(events)) {
    const credited = attributePath(touches, { value, at }, options);
    for (const [channel, credit] of credited.byChannel) byChannel.set(channel, (byChannel.get(channel) ?? 0) + credit);
    unattributed += credited.unattributed;
    netValue += value;
    netByOrder.set(orderId, value);
  }
  const sums = [...byChannel.values(), unattributed, netValue];
  if (!sums.every(Number.isSafeInteger)) {
    throw new InvalidInput([{ field: "events", description: "their values sum to more than 2^53 - 1" }]);
  }
  return { byChannel, unattributed, netValue, netByOrder };
}

/** Each order's value less its refunds, with the time of its conversion. */
function netOrders(events: readonly OrderEvent[]): Map<string, Conversion> {
  const orders = new Map<string, Conversion>();
  for (const [index, event] of events.entries()) {
    const order = orders.get(event.orderId);
    if (event.kind === "conversion") {
      if (order === undefined) orders.set(event.orderId, { value: event.value, at: event.at });
      continue;
    }
    const wrong = (description: string) => new InvalidInput([{ field: `events[${index}]`, description }]);
    if (order === undefined) throw wrong(`refunds "${event.orderId}", of which no conversion came before`);
    if (event.value > order.value) {
      throw wrong(`refunds ${event.value} of "${event.orderId}", of which ${order.value} is left`);
    }
    orders.set(event.orderId, { value: order.value - event.value, at: order.at });
  }
  return orders;
}
