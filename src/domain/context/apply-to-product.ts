import { create } from "@bufbuild/protobuf";
import {
  CartAdditionSchema,
  type CartProduct,
  type EventPlace,
} from "../../../gen/intervention/v1/context_state_pb.js";
import { type ShopEvent, ShopEventKind } from "../../../gen/intervention/v1/shopper_pb.js";
import { isAfter, withPlaced } from "./event-place.ts";

/** Of one product, since its quantity was last said. A shopper's clicks come to a few; what would be more is folded together. */
const ADDITIONS_MAX = 256;

/** Adds an item event to what is known of its product. */
export function applyToProduct(product: CartProduct, event: ShopEvent, place: EventPlace): CartProduct {
  const quantity = event.item?.quantity ?? 0;
  const priced = withPrice(product, event, place);
  // What stands before the last word on the quantity has been said with it.
  if (!isAfter(place, product.set)) return priced;
  if (event.kind === ShopEventKind.ITEM_ADDED) {
    const additions = withPlaced(product.additions, create(CartAdditionSchema, { place, quantity }));
    return additions.length > ADDITIONS_MAX ? fold({ ...priced, additions }) : { ...priced, additions };
  }
  return {
    ...priced,
    set: place,
    setQuantity: event.kind === ShopEventKind.ITEM_REMOVED ? 0 : quantity,
    additions: product.additions.filter((addition) => isAfter(addition.place, place)),
  };
}

function withPrice(product: CartProduct, { item }: ShopEvent, place: EventPlace): CartProduct {
  if (item?.unitPrice === undefined || !isAfter(place, product.priced)) return product;
  return { ...product, priced: place, unitPrice: item.unitPrice };
}

/** Makes the oldest addition part of the quantity that was said. */
function fold(product: CartProduct): CartProduct {
  const [oldest, ...additions] = product.additions;
  if (oldest?.place === undefined) return product;
  return { ...product, set: oldest.place, setQuantity: product.setQuantity + oldest.quantity, additions };
}
