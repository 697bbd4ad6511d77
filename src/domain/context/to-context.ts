import { create, fromBinary } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { CartProduct, ContextState } from "../../../gen/intervention/v1/context_state_pb.js";
import {
  type CartItem,
  CartItemSchema,
  type Context,
  ContextSchema,
  type Money,
  MoneySchema,
  ShopEventSchema,
} from "../../../gen/intervention/v1/shopper_pb.js";

const INT32_MAX = 2_147_483_647;

/** What is known, as others are told. */
export function toContext(
  owner: { readonly workspace: string; readonly userId: string },
  state: ContextState,
): Context {
  const items = state.products.flatMap(toItem);
  const cartValue = toValue(items);
  return create(ContextSchema, {
    ...owner,
    items,
    lastEvents: state.lastEvents.map(({ event }) => fromBinary(ShopEventSchema, event)),
    orderCount: state.ordersFolded + state.orders.length,
    ...(cartValue === undefined ? {} : { cartValue }),
    ...(state.lastEventUs === 0 ? {} : { lastEventTime: toTimestamp(state.lastEventUs) }),
    ...(state.cartChangeUs === 0 ? {} : { cartChangeTime: toTimestamp(state.cartChangeUs) }),
    ...(state.lastOrder === undefined ? {} : { lastOrder: state.lastOrder }),
    ...(state.cleared === undefined ? {} : { lastOrderTime: toTimestamp(state.cleared.timeUs) }),
  });
}

/** Whether anything lies in the cart. */
export function hasItems(state: ContextState): boolean {
  return state.products.some((product) => quantityOf(product) > 0);
}

function quantityOf({ setQuantity, additions }: CartProduct): number {
  return Math.min(
    INT32_MAX,
    additions.reduce((total, { quantity }) => total + quantity, setQuantity),
  );
}

function toItem(product: CartProduct): CartItem[] {
  const quantity = quantityOf(product);
  if (quantity <= 0) return [];
  const { productId, unitPrice } = product;
  return [create(CartItemSchema, { productId, quantity, ...(unitPrice === undefined ? {} : { unitPrice }) })];
}

/** Said only when it is known: an item without a price, or of another currency, leaves it open. */
function toValue(items: readonly CartItem[]): Money | undefined {
  const currency = items[0]?.unitPrice?.currency;
  if (currency === undefined || items.some(({ unitPrice }) => unitPrice?.currency !== currency)) return undefined;
  const minor = items.reduce(
    (total, { quantity, unitPrice }) => total + BigInt(quantity) * (unitPrice?.minor ?? 0n),
    0n,
  );
  return create(MoneySchema, { currency, minor });
}

function toTimestamp(us: number): Timestamp {
  const timestamp = timestampFromMs(Math.floor(us / 1e3));
  timestamp.nanos += (us - Math.floor(us / 1e3) * 1e3) * 1e3;
  return timestamp;
}
