import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { type CartItem, type Money, type ShopEvent, ShopEventKind } from "../../../gen/intervention/v1/shopper_pb.js";
import type { FieldViolation } from "../errors.ts";

const USER_ID_MAX = 128;
const EVENT_ID_MAX = 256;
const PRODUCT_ID_MAX = 128;
const QUANTITY_MAX = 1_000_000;
const PAGE_MAX = 2_048;
const ORDER_ITEMS_MAX = 500;
const ATTRIBUTES_BYTES_MAX = 16_384;
/** 1970 to 9999. Before 1970 there were no carts, and order is kept in microseconds since. */
const SECONDS_MAX = 253_402_300_799n;
/** A clock may be wrong. An event of tomorrow would stand in front of everything until then. */
const AHEAD_MS_MAX = 3_600_000;
const NANOS_MAX = 999_999_999;
const CURRENCY = /^[A-Z]{3}$/;
const CONTROL_CHARACTER = /\p{Cc}/u;

const ITEM_KINDS: ReadonlySet<ShopEventKind> = new Set([
  ShopEventKind.ITEM_ADDED,
  ShopEventKind.ITEM_UPDATED,
  ShopEventKind.ITEM_REMOVED,
]);

/** Everything that is wrong with an event, by its path in the proto; empty when it is right. By hand and not by schema: this is
 *  asked of every event of a flood.
 *  @param now what counts as ahead of time. */
export function checkShopEvent(event: ShopEvent, { now }: { readonly now: Date }): FieldViolation[] {
  const found: FieldViolation[] = [];
  const say: Say = (field, description) => {
    if (description !== undefined) found.push({ field, description });
  };
  say("event_id", idProblem(event.eventId, EVENT_ID_MAX));
  say("user_id", idProblem(event.userId, USER_ID_MAX));
  if (event.kind === ShopEventKind.UNSPECIFIED || ShopEventKind[event.kind] === undefined)
    say("kind", `${event.kind} is none of ${kindNames()}`);
  say("occur_time", timeProblem(event.occurTime, now));
  if (ITEM_KINDS.has(event.kind) && event.item === undefined) say("item", "it is missing: which product");
  if (event.item !== undefined) checkItem("item", event.item, say);
  if (event.kind === ShopEventKind.ITEM_ADDED && event.item?.quantity === 0)
    say("item.quantity", "0 is not in 1-1000000: how many came on top");
  if (event.page.length > PAGE_MAX || !event.page.isWellFormed())
    say("page", `it has ${event.page.length} characters; up to ${PAGE_MAX} of well-formed Unicode are allowed`);
  if (event.kind === ShopEventKind.PAGE_VIEWED && event.page === "") say("page", "it is empty: which page");
  if (event.kind === ShopEventKind.ORDER_PLACED && event.order === undefined)
    say("order", "it is missing: which order");
  checkOrder(event, say);
  if (event.attributes !== undefined) say("attributes", attributesProblem(event.attributes));
  return found;
}

type Say = (field: string, description: string | undefined) => void;

function kindNames(): string {
  return Object.values(ShopEventKind)
    .filter((name) => typeof name === "string" && name !== "UNSPECIFIED")
    .join(", ");
}

function idProblem(id: string, max: number): string | undefined {
  if (id === "") return `it is empty; 1 to ${max} characters are needed`;
  if (id.length > max) return `it has ${id.length} characters; 1 to ${max} are allowed`;
  if (!id.isWellFormed() || CONTROL_CHARACTER.test(id)) return "it has a control character or half a surrogate pair";
  return undefined;
}

function timeProblem(time: Timestamp | undefined, now: Date): string | undefined {
  if (time === undefined) return "it is missing: when it happened";
  const { seconds, nanos } = time;
  if (seconds < 0n || seconds > SECONDS_MAX || nanos < 0 || nanos > NANOS_MAX)
    return `${seconds} s and ${nanos} ns is not a time in the years 1970 to 9999`;
  if (Number(seconds) * 1e3 > now.getTime() + AHEAD_MS_MAX)
    return `${new Date(Number(seconds) * 1e3).toISOString()} is more than an hour ahead of the engine's clock`;
  return undefined;
}

function checkItem(path: string, item: CartItem, say: Say): void {
  say(`${path}.product_id`, idProblem(item.productId, PRODUCT_ID_MAX));
  if (item.quantity < 0 || item.quantity > QUANTITY_MAX)
    say(`${path}.quantity`, `${item.quantity} is not in 0-${QUANTITY_MAX}`);
  if (item.unitPrice !== undefined) checkMoney(`${path}.unit_price`, item.unitPrice, say);
}

function checkMoney(path: string, { currency, minor }: Money, say: Say): void {
  if (!CURRENCY.test(currency))
    say(`${path}.currency`, `${JSON.stringify(currency.slice(0, 8))} is not three capital letters of ISO 4217`);
  if (minor < 0n) say(`${path}.minor`, `${minor} is negative`);
}

function checkOrder({ order }: ShopEvent, say: Say): void {
  if (order === undefined) return;
  say("order.order_id", idProblem(order.orderId, PRODUCT_ID_MAX));
  if (order.total !== undefined) checkMoney("order.total", order.total, say);
  if (order.items.length > ORDER_ITEMS_MAX)
    say("order.items", `there are ${order.items.length}; up to ${ORDER_ITEMS_MAX} are allowed`);
  else for (const [index, item] of order.items.entries()) checkItem(`order.items[${index}]`, item, say);
}

function attributesProblem(attributes: NonNullable<ShopEvent["attributes"]>): string | undefined {
  const bytes = new TextEncoder().encode(JSON.stringify(attributes)).length;
  return bytes > ATTRIBUTES_BYTES_MAX
    ? `it takes ${bytes} bytes as JSON; up to ${ATTRIBUTES_BYTES_MAX} are allowed`
    : undefined;
}
