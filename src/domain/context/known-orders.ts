import { create } from "@bufbuild/protobuf";
import { type ContextState, type EventPlace, KnownOrderSchema } from "../../../gen/intervention/v1/context_state_pb.js";
import { isAfter } from "./event-place.ts";

/** Listed by id so that one that is told of twice counts once. */
const ORDERS_MAX = 256;

/** Counts an order once, whatever events tell of it. */
export function withOrder(state: ContextState, orderId: string, place: EventPlace): ContextState {
  if (state.ordersFoldedUntil !== undefined && !isAfter(place, state.ordersFoldedUntil)) return state;
  const index = state.orders.findIndex((order) => order.orderId >= orderId);
  const found = state.orders[index];
  const isThere = found?.orderId === orderId;
  if (isThere && !isAfter(found.place, place)) return state;
  const orders = state.orders.slice();
  orders.splice(index < 0 ? orders.length : index, isThere ? 1 : 0, create(KnownOrderSchema, { orderId, place }));
  if (orders.length <= ORDERS_MAX) return { ...state, orders };
  const oldest = orders.reduce((a, b) => (isAfter(a.place, b.place) ? b : a));
  return {
    ...state,
    orders: orders.filter((order) => order !== oldest),
    ordersFolded: state.ordersFolded + 1,
    ...(oldest.place === undefined ? {} : { ordersFoldedUntil: oldest.place }),
  };
}
