import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type Event, EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import { type ShopEvent, ShopEventKind } from "../../gen/intervention/v1/shopper_pb.js";
import { toOrderKey } from "../store/index.ts";

/** The touchpoint that an order is; none for anything else. The first telling of an order stands, since its id is the order's. */
export function toConversion({
  event,
  workspaceId,
  at,
}: {
  readonly event: ShopEvent;
  readonly workspaceId: string;
  readonly at: Date;
}): Event[] {
  const { kind, order, userId } = event;
  if (kind !== ShopEventKind.ORDER_PLACED || order === undefined) return [];
  return [
    create(EventSchema, {
      eventId: toOrderKey(workspaceId, order.orderId),
      kind: EventKind.CONVERTED,
      workspace: workspaceId,
      userId,
      occurTime: timestampFromDate(at),
      orderId: order.orderId,
      valueMinor: order.total?.minor ?? 0n,
      currency: order.total?.currency ?? "",
    }),
  ];
}
