import { createHash } from "node:crypto";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type ShopEvent, ShopEventKind, ShopEventSchema } from "../../gen/intervention/v1/shopper_pb.js";
import { type CloudEvent, parseCloudEventData } from "./cloud-event.ts";

const EVENT_ID_MAX = 256;
const TYPES: ReadonlyMap<string, ShopEventKind> = new Map([
  ["shop.item.added", ShopEventKind.ITEM_ADDED],
  ["shop.item.updated", ShopEventKind.ITEM_UPDATED],
  ["shop.item.removed", ShopEventKind.ITEM_REMOVED],
  ["shop.page.viewed", ShopEventKind.PAGE_VIEWED],
  ["shop.checkout.started", ShopEventKind.CHECKOUT_STARTED],
  ["shop.cart.abandoned", ShopEventKind.CART_ABANDONED],
  ["shop.order.placed", ShopEventKind.ORDER_PLACED],
]);

/** What a CloudEvent says that a shopper did: its `type` says the kind, its data are a ShopEvent in JSON (either spelling) or
 *  protobuf, and its `subject` and `time` stand in for a user id and a time that the data leave out.
 *  @param storedAt stands in where nobody says a time; the same each time a message is read.
 *  @returns undefined for a type that is none of ours: other teams' events share the subject.
 *  @throws InvalidInput when the data can't be read. */
export function toShopEvent(cloudEvent: CloudEvent, storedAt: Date): ShopEvent | undefined {
  const kind = TYPES.get(cloudEvent.type);
  if (kind === undefined) return undefined;
  const event = parseCloudEventData(ShopEventSchema, cloudEvent, { absent: {} });
  event.kind = kind;
  event.eventId = toEventId(cloudEvent);
  event.userId ||= cloudEvent.subject ?? "";
  event.occurTime ??= timestampFromDate(cloudEvent.time ?? storedAt);
  return event;
}

/** CloudEvents are unique by source and id together; a source is a URI and has no space. */
function toEventId({ source, id }: CloudEvent): string {
  const whole = `${source} ${id}`;
  return whole.length <= EVENT_ID_MAX ? whole : createHash("sha256").update(whole, "utf8").digest("hex");
}
