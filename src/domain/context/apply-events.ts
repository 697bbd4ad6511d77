import { create } from "@bufbuild/protobuf";
import {
  type CartProduct,
  CartProductSchema,
  type ContextState,
  ContextStateSchema,
  type EventPlace,
  KnownEventSchema,
} from "../../../gen/intervention/v1/context_state_pb.js";
import { type ShopEvent, ShopEventKind } from "../../../gen/intervention/v1/shopper_pb.js";
import { applyToProduct } from "./apply-to-product.ts";
import { isAfter, lastOf, toPlace } from "./event-place.ts";
import { withOrder } from "./known-orders.ts";

/** An event and its bytes, which are what is kept. */
export type KnownShopEvent = { readonly event: ShopEvent; readonly body: Uint8Array };

const LAST_EVENTS_MAX = 50;
/** A cart of more products than this forgets those that it heard of longest ago. */
const PRODUCTS_MAX = 500;

/** What is known of somebody of whom nothing is known. */
export const emptyContext: ContextState = Object.freeze(create(ContextStateSchema));

/** Adds events to what is known. The result is the same whatever order they come in and however often each comes: the cart is a
 *  register a product ordered by (time, id), with the set of additions since; an order moves a bar below which nothing counts.
 *
 *  Bounds, beyond which late events may count for less than they should: 256 additions of one product since its quantity was last
 *  said, 500 products since the last order, 256 orders listed by id. */
export function applyEvents(state: ContextState, events: readonly KnownShopEvent[]): ContextState {
  return events.reduce(applyEvent, state);
}

function applyEvent(state: ContextState, { event, body }: KnownShopEvent): ContextState {
  const place = toPlace(event);
  const isCart = isCartChange(event.kind);
  const known: ContextState = {
    ...state,
    lastEvents: withLast(state, place, body),
    lastEventUs: Math.max(state.lastEventUs, place.timeUs),
    activityUs: isDoneByUser(event.kind) ? Math.max(state.activityUs, place.timeUs) : state.activityUs,
    cartChangeUs: isCart ? Math.max(state.cartChangeUs, place.timeUs) : state.cartChangeUs,
  };
  if (event.kind === ShopEventKind.ORDER_PLACED) return applyOrder(known, event, place);
  return isCart ? applyItem(known, event, place) : known;
}

function isCartChange(kind: ShopEventKind): boolean {
  return (
    kind === ShopEventKind.ITEM_ADDED ||
    kind === ShopEventKind.ITEM_UPDATED ||
    kind === ShopEventKind.ITEM_REMOVED ||
    kind === ShopEventKind.ORDER_PLACED
  );
}

/** That a cart was left behind is said of the user, not done by him. */
const isDoneByUser = (kind: ShopEventKind) => kind !== ShopEventKind.CART_ABANDONED;

function withLast(state: ContextState, place: EventPlace, event: Uint8Array): ContextState["lastEvents"] {
  const { lastEvents } = state;
  const oldest = lastEvents.at(-1)?.place;
  if (lastEvents.length === LAST_EVENTS_MAX && !isAfter(place, oldest)) return lastEvents;
  // Kept newest first.
  let index = 0;
  while (index < lastEvents.length && isAfter(lastEvents[index]?.place, place)) index += 1;
  const there = lastEvents[index]?.place;
  if (there?.eventId === place.eventId && there.timeUs === place.timeUs) return lastEvents;
  const longer = lastEvents.slice();
  longer.splice(index, 0, create(KnownEventSchema, { place, event }));
  return longer.slice(0, LAST_EVENTS_MAX);
}

function applyItem(state: ContextState, event: ShopEvent, place: EventPlace): ContextState {
  if (!isAfter(place, state.cleared)) return state;
  const productId = event.item?.productId ?? "";
  const index = state.products.findIndex((product) => product.productId >= productId);
  const found = state.products[index];
  const isThere = found?.productId === productId;
  const product = applyToProduct(isThere ? found : create(CartProductSchema, { productId }), event, place);
  const at = index < 0 ? state.products.length : index;
  const products = state.products.slice();
  products.splice(at, isThere ? 1 : 0, product);
  return { ...state, products: products.length > PRODUCTS_MAX ? withoutOldest(products) : products };
}

function applyOrder(state: ContextState, event: ShopEvent, place: EventPlace): ContextState {
  const known = withOrder(state, event.order?.orderId ?? "", place);
  if (!isAfter(place, state.cleared)) return known;
  return {
    ...known,
    cleared: place,
    products: state.products.flatMap((product) => clearProduct(product, place)),
    ...(event.order === undefined ? {} : { lastOrder: event.order }),
  };
}

/** What is left of a product when everything up to an order counts no more. */
function clearProduct(product: CartProduct, bar: EventPlace): CartProduct[] {
  const additions = product.additions.filter((addition) => isAfter(addition.place, bar));
  const isSetAfter = isAfter(product.set, bar);
  if (!isSetAfter && additions.length === 0) return [];
  const { set, priced, unitPrice, ...rest } = product;
  return [
    {
      ...rest,
      additions,
      setQuantity: isSetAfter ? product.setQuantity : 0,
      ...(isSetAfter && set !== undefined ? { set } : {}),
      ...(isAfter(priced, bar) && priced !== undefined && unitPrice !== undefined ? { priced, unitPrice } : {}),
    },
  ];
}

function withoutOldest(products: readonly CartProduct[]): CartProduct[] {
  const newestPlace = (product: CartProduct) => lastOf(product.set, product.additions.at(-1)?.place);
  const oldest = products.reduce((a, b) => (isAfter(newestPlace(a), newestPlace(b)) ? b : a));
  return products.filter((product) => product !== oldest);
}
