import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { ShopEventKind, ShopEventSchema } from "../../../gen/intervention/v1/shopper_pb.js";
import { checkShopEvent } from "./index.ts";

const now = new Date("2026-01-01T12:00:00Z");
const good = {
  eventId: "1",
  userId: "ada",
  kind: ShopEventKind.ITEM_ADDED,
  occurTime: timestampFromDate(now),
  item: { productId: "p", quantity: 1 },
};
const fields = (init: MessageInitShape<typeof ShopEventSchema>) =>
  checkShopEvent(create(ShopEventSchema, init), { now }).map(({ field }) => field);

describe("a shop event", () => {
  it("is right when it says who did what and when", () => expect(fields(good)).toEqual([]));

  it.each([
    { name: "nothing at all", init: {}, wrong: ["event_id", "user_id", "kind", "occur_time"] },
    { name: "an addition of none", init: { ...good, item: { productId: "p" } }, wrong: ["item.quantity"] },
    { name: "a kind nobody knows", init: { ...good, kind: 99 }, wrong: ["kind"] },
    {
      name: "tomorrow",
      init: { ...good, occurTime: timestampFromDate(new Date("2026-01-02T12:00:00Z")) },
      wrong: ["occur_time"],
    },
    {
      name: "an order without an id and with a strange price",
      init: { ...good, kind: ShopEventKind.ORDER_PLACED, order: { total: { currency: "eur", minor: -1n } } },
      wrong: ["order.order_id", "order.total.currency", "order.total.minor"],
    },
  ])("is refused for $name, every bad field named", ({ init, wrong }) => expect(fields(init)).toEqual(wrong));
});
