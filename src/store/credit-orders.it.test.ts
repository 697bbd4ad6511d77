import { describe, expect, test } from "vitest";
import { startParts } from "../testing/parts.ts";
import {
  creditAll,
  type EventDocument,
  findConversion,
  insertEvents,
  type Store,
  toOrderKey,
  toStored,
} from "./index.ts";

const ORDER_AT = new Date("2026-06-15T12:00:00Z");
const CLICK_AT = new Date("2026-06-15T11:00:00Z");

const common = { workspaceId: "w", userId: "ada", channel: "email", receivedAt: ORDER_AT, currency: "EUR" };
const about = { ...common, interventionId: "", campaign: "", orderId: "o", occurredAt: ORDER_AT };
const key = toOrderKey("w", "o");
/** She clicked a message, bought, and sent some of it back. */
const CLICK: EventDocument = {
  ...{ ...common, _id: "iv:clicked:1", interventionId: "iv", campaign: "spring", kind: "clicked" },
  occurredAt: CLICK_AT,
};
const ORDER: EventDocument = { ...about, _id: key, kind: "converted", valueMinor: 100 };
const REFUND: EventDocument = { ...about, _id: `${key}:r`, kind: "refunded", valueMinor: 30 };

/** Stores it as one recorder does. */
async function record(store: Store, event: EventDocument): Promise<void> {
  const documents = [toStored(event)];
  await insertEvents(store, documents);
  await creditAll(store, documents);
}

/** What writes conversions: new ones are inserted, others replaced. */
const WRITES: readonly unknown[] = ["insertMany", "bulkWrite"];

/** A recorder that is held up once, with its credits reckoned and not written. */
function heldUp(store: Store, meanwhile: () => Promise<void>): Store {
  let isHeldUp = false;
  const conversions = new Proxy(store.conversions, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      if (!WRITES.includes(name)) return value.bind(target);
      return async (...given: unknown[]) => {
        if (!isHeldUp) {
          isHeldUp = true;
          await meanwhile();
        }
        return Reflect.apply(value, target, given);
      };
    },
  });
  return { ...store, conversions };
}

describe("crediting orders", () => {
  test.each([
    { held: ORDER, others: [CLICK, REFUND] },
    { held: REFUND, others: [CLICK] },
    { held: CLICK, others: [REFUND] },
  ])("misses nothing that others store while $held.kind is held up", async ({ held, others }) => {
    await using parts = await startParts();
    const { store } = parts;
    const [all, meanwhile] = [[CLICK, ORDER, REFUND], new Set([held, ...others])];
    for (const event of all) if (!meanwhile.has(event)) await record(store, event);
    const slow = heldUp(store, async () => {
      for (const event of others) await record(store, event);
    });
    await record(slow, held);
    const found = await findConversion(store, "w", "o");
    expect({ refunded: found?.refundedMinor, last: found?.credits.last }).toEqual({ refunded: 30, last: [70] });
  });
});
