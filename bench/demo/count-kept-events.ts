import { fromBinary } from "@bufbuild/protobuf";
import { ShopEventKind, ShopEventSchema } from "../../gen/intervention/v1/shopper_pb.js";
import type { BenchStore } from "../bench-store.ts";
import { type Totals, toTotals } from "../cdnow.ts";
import { untilStill } from "../until-still.ts";

/** What the engine has kept of what shoppers did, by its store. */
export type KeptEvents = { readonly count: number; readonly orders: Totals };

const wait = { stillMsMax: 60_000, pollMs: 200 };

/** Waits until so many events are kept, or no more come, and reads the orders among them. */
export async function countKeptEvents({ shopEvents }: BenchStore, expected: number): Promise<KeptEvents> {
  await untilStill({ ...wait, left: async () => Math.max(0, expected - (await shopEvents.estimatedDocumentCount())) });
  const orders: { readonly customer: string; readonly cents: number }[] = [];
  // All of them are read once: the engine itself never asks like this, and so has no index for it.
  for await (const { event } of shopEvents.find({ kind: ShopEventKind.ORDER_PLACED }, { projection: { event: 1 } })) {
    const { order, userId } = fromBinary(ShopEventSchema, event.value());
    orders.push({ customer: userId, cents: Number(order?.total?.minor ?? Number.NaN) });
  }
  return { count: await shopEvents.countDocuments(), orders: toTotals(orders) };
}
