import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { ShopEventKind, ShopEventSchema } from "../../../gen/intervention/v1/shopper_pb.js";
import type { GivenShopEvent } from "../../store/index.ts";

/** An order of one euro. */
export function shopEvent(userId: string, eventId: string, at: Date): GivenShopEvent {
  const event = create(ShopEventSchema, {
    ...{ eventId, userId, kind: ShopEventKind.ORDER_PLACED, occurTime: timestampFromDate(at) },
    order: { orderId: eventId, total: { currency: "EUR", minor: 100n } },
  });
  return { event, at, body: toBinary(ShopEventSchema, event) };
}
