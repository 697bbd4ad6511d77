import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampDate, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { type ShopEvent, ShopEventKind, ShopEventSchema } from "../../gen/intervention/v1/shopper_pb.js";
import { findConsumer, packItems } from "../bus/index.ts";
import { Unavailable } from "../domain/errors.ts";
import { listShopEvents } from "../store/index.ts";
import { until } from "../testing/until.ts";
import { startAbandonment } from "./abandonment.ts";
import { CartWatches } from "./cart-watches.ts";
import { startEventIntake } from "./event-intake.ts";
import { startTriggers } from "./testing/trigger-parts.ts";

type Parts = Awaited<ReturnType<typeof startTriggers>>;
type EventInit = Extract<MessageInitShape<typeof ShopEventSchema>, { $typeName?: never }>;

const K = ShopEventKind;
const AFTER_MS = 60_000;
const bounds = { afterMs: AFTER_MS, ageMsMax: 86_400_000 };
const now = () => new Date();

/** An intake process as the program makes it: it remembers watches, and forgets them when it ends. */
const startIntake = (
  parts: Parts,
  watches: Pick<CartWatches, "cover"> = new CartWatches({ ...parts, ...bounds, now }),
) => startEventIntake({ ...parts, watches, triggerAgeMsMax: bounds.ageMsMax, now });
const startSweeper = (parts: Parts, clock = now) =>
  startAbandonment({ ...parts, ...bounds, watches: new CartWatches({ ...parts, ...bounds, now: clock }), now: clock });

let made = 0;
const toEvent = (userId: string, kind: ShopEventKind, agoMs: number, more: EventInit = {}): ShopEvent => {
  made += 1;
  const item = kind === K.ITEM_ADDED ? { item: { productId: "mug", quantity: 1 } } : {};
  const at = timestampFromMs(Date.now() - agoMs);
  return create(ShopEventSchema, { eventId: `e${made}`, userId, kind, occurTime: at, ...item, ...more });
};
const send = ({ bus }: Parts, events: readonly ShopEvent[]) =>
  bus.js.publish(bus.subjects.shopEvents("main"), packItems(events.map((one) => toBinary(ShopEventSchema, one))));
const idle = ({ bus }: Parts) =>
  until(async () => {
    const info = await findConsumer(bus, "EVENTS", "shop-events");
    return info !== undefined && info.num_pending + info.num_ack_pending === 0;
  }, "everything to be heard");
const saidOf = async ({ store }: Parts, userId: string) =>
  (await listShopEvents(store, { workspaceId: "main", userId, limit: 100, now: now() }))
    .map((body) => fromBinary(ShopEventSchema, body))
    .filter(({ kind }) => kind === K.CART_ABANDONED);
const watchesOf = async ({ store }: Parts, userId: string) =>
  store.cartWatches.find({ workspaceId: "main", userId }).toArray();

describe("a cart that is left behind", () => {
  it("is spoken of once by several processes, in time, and triggers the campaigns that wait for it; no other is", async () => {
    await using parts = await startTriggers();
    await parts.run("come-back", { trigger: { on: { case: "event", value: K.CART_ABANDONED } } });
    await using _first = await startIntake(parts);
    await using _second = await startIntake(parts);
    await using _sweeper = startSweeper(parts);
    await using _other = startSweeper(parts);
    const left = Array.from({ length: 40 }, (_, n) => `left ${n}/ä`);
    const leaving = left.map((user, n) => toEvent(user, K.ITEM_ADDED, AFTER_MS - 1_100 - 20 * n));
    await send(parts, [
      ...leaving,
      toEvent("buyer", K.ITEM_ADDED, AFTER_MS - 1_200),
      toEvent("buyer", K.ORDER_PLACED, AFTER_MS - 2_000, { order: { orderId: "o" } }),
      toEvent("reader", K.PAGE_VIEWED, AFTER_MS - 1_200, { page: "/" }),
      toEvent("undecided", K.ITEM_ADDED, AFTER_MS - 1_200),
      toEvent("told of", K.ITEM_ADDED, AFTER_MS - 1_200),
      toEvent("told of", K.CART_ABANDONED, AFTER_MS - 2_000),
    ]);
    await send(parts, [toEvent("undecided", K.PAGE_VIEWED, 10, { page: "/mugs" })]);
    const users = [...left, "told of"];
    await until(async () => (await parts.accepted()).length === users.length, "an intervention for everybody who left");
    await until(async () => (await parts.store.cartWatches.countDocuments()) === 1, "every watch but one looked at");
    await idle(parts);
    for (const [n, user] of left.entries()) {
      const [said, ...more] = await saidOf(parts, user);
      expect(more).toEqual([]);
      const since = timestampDate(leaving[n]?.occurTime ?? timestampFromMs(0)).getTime();
      expect(said).toMatchObject({ eventId: `/intervention-engine/workspaces/main ${user}/${since * 1_000}` });
      expect(timestampDate(said?.occurTime ?? timestampFromMs(0))).toEqual(new Date(since + AFTER_MS));
    }
    for (const user of ["buyer", "reader", "undecided"]) expect(await saidOf(parts, user), user).toEqual([]);
    expect(await saidOf(parts, "told of")).toHaveLength(1);
    expect((await watchesOf(parts, "undecided")).map(({ dueAt }) => dueAt.getTime() > Date.now())).toEqual([true]);
    const reached = (await parts.accepted()).map(({ recipient }) => recipient?.userId);
    expect([reached.length, new Set(reached)]).toEqual([users.length, new Set(users)]);
  });

  it("is found by the next process when the one that took it in died before it was due", async () => {
    await using parts = await startTriggers();
    {
      await using _intake = await startIntake(parts);
      await send(parts, [toEvent("ada", K.ITEM_ADDED, AFTER_MS - 1_100)]);
      await until(async () => (await watchesOf(parts, "ada")).length === 1, "ada watched");
    }
    await using _intake = await startIntake(parts);
    await using _sweeper = startSweeper(parts);
    await until(async () => (await saidOf(parts, "ada")).length === 1, "that ada left");
  });

  it("is found when a process dies after it kept the event and before it made the watch", async () => {
    await using parts = await startTriggers();
    await using _sweeper = startSweeper(parts);
    {
      await using _dying = await startIntake(parts, { cover: () => Promise.reject(new Unavailable("store")) });
      await send(parts, [toEvent("ada", K.ITEM_ADDED, AFTER_MS - 1_100)]);
      await until(() => parts.store.shopEvents.findOne({ workspaceId: "main", userId: "ada" }), "the event kept");
    }
    expect(await watchesOf(parts, "ada")).toEqual([]);
    await using _intake = await startIntake(parts);
    await until(async () => (await saidOf(parts, "ada")).length === 1, "that ada left");
  });

  it("is not spoken of as long as what the shopper did since may wait to be taken in", async () => {
    await using parts = await startTriggers();
    const intake = await startIntake(parts);
    await send(parts, [toEvent("ada", K.ITEM_ADDED, AFTER_MS - 9_000), toEvent("bob", K.ITEM_ADDED, AFTER_MS - 1_300)]);
    const bobs = await until(async () => (await watchesOf(parts, "bob"))[0], "bob watched");
    await until(async () => (await watchesOf(parts, "ada")).length === 1, "ada watched");
    await intake[Symbol.asyncDispose]();
    await until(() => new Date() > bobs.dueAt, "bob due");
    await send(parts, [toEvent("ada", K.PAGE_VIEWED, 0, { page: "/back" })]);
    // By this clock the page has been waiting for longer than a process takes that is only slow, and ada is due.
    const clock = () => new Date(Date.now() + 15_000);
    await using _sweeper = startSweeper(parts, clock);
    await until(async () => (await watchesOf(parts, "bob")).length === 0, "bob looked at");
    expect(await watchesOf(parts, "ada")).toHaveLength(1);
    await using _intake = await startIntake(parts);
    await until(
      async () => (await watchesOf(parts, "ada")).every(({ dueAt }) => dueAt > clock()),
      "ada looked at, and watched again",
    );
    await idle(parts);
    expect([await saidOf(parts, "ada"), (await saidOf(parts, "bob")).length]).toEqual([[], 1]);
  });

  it("begins anew with what the shopper does after it", async () => {
    await using parts = await startTriggers();
    await using _intake = await startIntake(parts);
    await using _sweeper = startSweeper(parts);
    await send(parts, [toEvent("ada", K.ITEM_ADDED, 3 * AFTER_MS)]);
    await until(async () => (await saidOf(parts, "ada")).length === 1, "that ada left");
    await send(parts, [toEvent("ada", K.PAGE_VIEWED, AFTER_MS - 1_100, { page: "/" })]);
    await until(async () => (await saidOf(parts, "ada")).length === 2, "that ada left again");
    await until(async () => (await watchesOf(parts, "ada")).length === 0, "everything looked at");
    await idle(parts);
    expect(await saidOf(parts, "ada")).toHaveLength(2);
  });

  it("long ago, in imported history, is not watched at all", async () => {
    await using parts = await startTriggers();
    await using _intake = await startIntake(parts);
    await send(parts, [
      toEvent("ada", K.ITEM_ADDED, bounds.ageMsMax + AFTER_MS + 1_000),
      toEvent("bob", K.ITEM_ADDED, 0),
    ]);
    await until(async () => (await watchesOf(parts, "bob")).length === 1, "bob watched");
    expect(await watchesOf(parts, "ada")).toEqual([]);
  });
});
