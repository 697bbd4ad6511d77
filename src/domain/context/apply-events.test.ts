import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ContextStateSchema } from "../../../gen/intervention/v1/context_state_pb.js";
import { type ShopEvent, ShopEventKind, ShopEventSchema } from "../../../gen/intervention/v1/shopper_pb.js";
import { applyEvents, emptyContext, hasItems, type KnownShopEvent, toContext } from "./index.ts";

const known = (event: ShopEvent): KnownShopEvent => ({ event, body: toBinary(ShopEventSchema, event) });
const K = ShopEventKind;

function event(id: string, kind: ShopEventKind, second: number, productId = "p", quantity = 1): ShopEvent {
  const occurTime = timestampFromMs(second * 1_000);
  const item = { productId, quantity, unitPrice: { currency: "EUR", minor: BigInt(100 + second) } };
  return create(ShopEventSchema, {
    eventId: id,
    kind,
    userId: "ada",
    occurTime,
    ...(kind === K.ORDER_PLACED ? { order: { orderId: `o${second % 3}` } } : { item }),
  });
}

const someEvents = fc
  .array(
    fc.tuple(
      fc.integer({ min: 1, max: 7 }),
      fc.nat(40),
      fc.constantFrom("a", "b", "c"),
      fc.integer({ min: 1, max: 9 }),
    ),
    { maxLength: 90 },
  )
  .map((rows) => rows.map(([kind, second, product, quantity], i) => event(`e${i}`, kind, second, product, quantity)));

describe("what is known of a shopper", () => {
  it("is the same bytes whatever order events come in, however often, and in whatever parts", () => {
    fc.assert(
      fc.property(
        someEvents.chain((events) =>
          fc.tuple(
            fc.constant(events),
            fc.shuffledSubarray([...events, ...events], { minLength: events.length * 2 }),
            fc.nat(180),
          ),
        ),
        ([events, shuffled, cut]) => {
          const once = applyEvents(emptyContext, events.map(known));
          const first = applyEvents(emptyContext, shuffled.slice(0, cut).map(known));
          const twice = applyEvents(first, shuffled.slice(cut).map(known));
          expect(toBinary(ContextStateSchema, twice)).toEqual(toBinary(ContextStateSchema, once));
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each([
    {
      name: "adds up what was added",
      events: [event("1", K.ITEM_ADDED, 1, "p", 2), event("2", K.ITEM_ADDED, 2, "p", 3)],
      quantity: 5,
    },
    {
      name: "takes an update for the whole",
      events: [event("1", K.ITEM_ADDED, 1, "p", 2), event("2", K.ITEM_UPDATED, 2, "p", 3)],
      quantity: 3,
    },
    {
      name: "adds on top of an update",
      events: [event("2", K.ITEM_UPDATED, 2, "p", 3), event("3", K.ITEM_ADDED, 3, "p", 4)],
      quantity: 7,
    },
    {
      name: "lets a late addition lie before a removal",
      events: [event("2", K.ITEM_REMOVED, 2), event("1", K.ITEM_ADDED, 1)],
      quantity: undefined,
    },
    {
      name: "empties at an order, and not what came after it",
      events: [event("1", K.ITEM_ADDED, 1, "p", 2), event("3", K.ITEM_ADDED, 3, "p", 1), event("2", K.ORDER_PLACED, 2)],
      quantity: 1,
    },
  ])("$name", ({ events, quantity }) => {
    const state = applyEvents(emptyContext, events.map(known));
    const context = toContext({ workspace: "w", userId: "ada" }, state);
    expect(hasItems(state)).toBe(quantity !== undefined);
    expect(context.items[0]?.quantity).toBe(quantity);
  });
});
