import { create, fromBinary, fromJson, toBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { headers as createHeaders } from "@nats-io/transport-node";
import { CloudEvent, HTTP } from "cloudevents";
import { connect as connectOld, headers as oldHeaders } from "nats";
import { describe, expect, inject, it } from "vitest";
import { ConditionSchema } from "../../gen/intervention/v1/condition_pb.js";
import { ContextSchema, type ShopEvent, ShopEventKind, ShopEventSchema } from "../../gen/intervention/v1/shopper_pb.js";
import { findConsumer, listDeadLetters, packItems } from "../bus/index.ts";
import { createWorkspace } from "../integrations/access-directory.ts";
import { createMetrics } from "../observe/index.ts";
import { listShopEvents } from "../store/index.ts";
import { until } from "../testing/until.ts";
import { startEventIntake } from "./event-intake.ts";
import { findContext, findOrdersIn } from "./shopper-contexts.ts";
import { startTriggers } from "./testing/trigger-parts.ts";

type Parts = Awaited<ReturnType<typeof startTriggers>>;

const MUG = { product_id: "mug", quantity: 2, unit_price: { currency: "EUR", minor: 950 } };
const toEvent = (id: string, type = "shop.item.added", data: object = { item: MUG }, more: object = {}) =>
  new CloudEvent({
    ...{ id, source: "//shop.example.com/carts", type, subject: "ada", datacontenttype: "application/json", data },
    ...more,
  });

/** Puts an event on the stream as the SDK writes it: the headers of its HTTP binding are those of the NATS binding. */
async function send({ bus }: Parts, event: CloudEvent<unknown>, mode: "binary" | "structured" = "binary") {
  const { headers, body } = HTTP[mode](event);
  const found = createHeaders();
  for (const [name, value] of Object.entries(headers)) found.set(name, String(value));
  await bus.js.publish(bus.subjects.shopEvents("main"), String(body), { headers: found });
}

const AGE_MS_MAX = 86_400_000;
const start = ({ access, bus, campaigns, erased, log, metrics, store, triggers }: Parts) =>
  startEventIntake({
    ...{ access, bus, campaigns, erased, log, metrics, store, triggers },
    triggerAgeMsMax: AGE_MS_MAX,
    now: () => new Date(),
  });
const idle = ({ bus }: Parts) =>
  until(async () => {
    const info = await findConsumer(bus, "EVENTS", "shop-events");
    return info !== undefined && info.num_pending + info.num_ack_pending === 0;
  }, "everything to be heard");
const kept = async ({ store }: Parts) =>
  (await listShopEvents(store, { workspaceId: "main", userId: "ada", limit: 100, now: new Date() })).map((body) =>
    fromBinary(ShopEventSchema, body),
  );

describe("what shoppers do", () => {
  it.each(["binary", "structured"] as const)("comes as CloudEvents in %s mode and makes the context", async (mode) => {
    await using parts = await startTriggers();
    await using _intake = await start(parts);
    await send(parts, toEvent("1"), mode);
    await send(parts, toEvent("2", "shop.page.viewed", { page: "/sale" }), mode);
    await until(async () => (await kept(parts)).length === 2, "both kept");
    const context = await findContext(parts.store, "main", "ada");
    expect(context.items).toMatchObject([{ productId: "mug", quantity: 2 }]);
    expect(context.cartValue).toMatchObject({ currency: "EUR", minor: 1_900n });
    expect(new Set(context.lastEvents.map(({ kind }) => kind))).toEqual(
      new Set([ShopEventKind.ITEM_ADDED, ShopEventKind.PAGE_VIEWED]),
    );
  });

  it("comes from an older client, in protobuf, and as the engine's own batches", async () => {
    await using parts = await startTriggers();
    await using _intake = await start(parts);
    const subject = parts.bus.subjects.shopEvents("main");
    const old = await connectOld({ servers: inject("natsUrl") });
    const headers = oldHeaders();
    const attributes = { specversion: "1.0", id: "old", source: "s", type: "shop.page.viewed", subject: "ada" };
    for (const [name, value] of Object.entries(attributes)) headers.set(`ce-${name}`, value);
    headers.set("Content-Type", "application/protobuf");
    const page = create(ShopEventSchema, { page: "/old" });
    await old.jetstream().publish(subject, toBinary(ShopEventSchema, page), { headers });
    await old.close();
    const own = ["a", "b"].map((id) => view(id, "/own"));
    await parts.bus.js.publish(subject, packItems(own.map((one) => toBinary(ShopEventSchema, one))));
    await until(async () => (await kept(parts)).length === 3, "all kept");
    expect(new Set((await kept(parts)).map(({ eventId }) => eventId))).toEqual(new Set(["a", "b", "s old"]));
  });

  it("counts once however often it comes, and in whatever order", async () => {
    await using parts = await startTriggers();
    await using _intake = await start(parts);
    const at = (second: number) => ({ time: new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString() });
    const events = [
      toEvent("1", "shop.item.added", { item: MUG }, at(1)),
      toEvent("2", "shop.item.updated", { item: { ...MUG, quantity: 5 } }, at(2)),
      toEvent("3", "shop.item.added", { item: { ...MUG, quantity: 1 } }, at(3)),
      toEvent("4", "shop.order.placed", { order: { order_id: "o", total: { currency: "EUR", minor: 5_700 } } }, at(4)),
      toEvent("5", "shop.item.added", { item: { ...MUG, quantity: 4 } }, at(5)),
    ];
    for (const event of [...events.toReversed(), ...events]) await send(parts, event);
    await idle(parts);
    const context = await findContext(parts.store, "main", "ada");
    expect(context.items).toMatchObject([{ productId: "mug", quantity: 4 }]);
    expect(context).toMatchObject({ orderCount: 1, lastOrder: { orderId: "o" } });
    expect(await kept(parts)).toHaveLength(5);
    const orders = await findOrdersIn(parts.store)("main", "ada", new Date(0), new Date());
    expect(orders).toEqual([{ placedAt: new Date(Date.UTC(2026, 0, 1, 0, 0, 4)), productIds: [] }]);
  });

  it("adds up beyond what a context lists one by one", async () => {
    await using parts = await startTriggers();
    await using _intake = await start(parts);
    const added = Array.from({ length: 300 }, (_, n) =>
      create(ShopEventSchema, {
        ...{
          eventId: `many-${n}`,
          userId: "ada",
          kind: ShopEventKind.ITEM_ADDED,
          item: { productId: "mug", quantity: 1 },
        },
        occurTime: timestampFromDate(new Date(Date.UTC(2026, 0, 1, 0, 0, n))),
      }),
    );
    const body = packItems(added.map((one) => toBinary(ShopEventSchema, one)));
    await parts.bus.js.publish(parts.bus.subjects.shopEvents("main"), body);
    await idle(parts);
    expect((await findContext(parts.store, "main", "ada")).items).toMatchObject([{ productId: "mug", quantity: 300 }]);
  });

  it("can be read from the stream again at any time, and makes the same context to the byte", async () => {
    await using parts = await startTriggers();
    await using _intake = await start(parts);
    for (const id of ["1", "2", "3"]) await send(parts, toEvent(id));
    await send(parts, toEvent("4", "shop.page.viewed", { page: "/sale" }));
    await until(async () => (await kept(parts)).length === 4, "all kept");
    const bytesOf = async () => toBinary(ContextSchema, await findContext(parts.store, "main", "ada"));
    const before = await bytesOf();
    await parts.store.shopEvents.deleteMany({});
    expect(await bytesOf()).not.toEqual(before);
    await parts.bus.jsm.consumers.delete(parts.bus.subjects.stream("EVENTS"), "shop-events");
    await until(async () => (await kept(parts)).length === 4, "all kept again");
    expect(await bytesOf()).toEqual(before);
  });

  it("that is malformed goes to the dead letters with the reason, what is not ours is passed over, and the rest goes on", async () => {
    await using parts = await startTriggers();
    await using _intake = await start(parts);
    await send(parts, toEvent("1", "shop.item.added", {}));
    await send(parts, toEvent("2", "shop.page.viewed", { page: "/" }, { subject: undefined }));
    await parts.bus.js.publish(parts.bus.subjects.shopEvents("main"), "{no json");
    await parts.bus.js.publish(parts.bus.subjects.shopEvents("nobody"), "{}");
    await send(parts, toEvent("3", "warehouse.item.moved"));
    await send(parts, toEvent("4"));
    await until(async () => (await kept(parts)).length === 1, "the good one");
    const lettersOf = (workspace: string) => listDeadLetters(parts.bus, { workspace, after: 0, limit: 10 });
    const letters = await until(async () => {
      const found = [...(await lettersOf("main")), ...(await lettersOf("nobody"))];
      return found.length === 4 && found;
    }, "dead letters");
    const errors = letters.map(({ error }) => error).join("\n");
    const counts = await until(async () => {
      const { values } = await parts.metrics.shopEvents.get();
      const countOf = (effect: string) => values.find(({ labels }) => labels.effect === effect)?.value;
      return countOf("kept") === 1 && [countOf("malformed"), countOf("not_ours")];
    }, "the good one counted");
    expect(counts).toEqual([4, 1]);
    for (const reason of ["item: it is missing", "user_id", "no JSON", '"nobody" is no workspace'])
      expect(errors).toContain(reason);
  });

  it("triggers the campaigns that wait for it, with the context it made, once", async () => {
    await using parts = await startTriggers();
    const condition = {
      comparison: {
        field: "context.cart_value.minor",
        operator: "OPERATOR_GREATER",
        value: 1_000,
      },
    };
    await parts.run("rescue", {
      trigger: { on: { case: "event", value: ShopEventKind.CHECKOUT_STARTED } },
      condition: fromJson(ConditionSchema, condition),
    });
    await using _intake = await start(parts);
    await send(parts, toEvent("1"));
    await idle(parts);
    for (let n = 0; n < 2; n += 1) await send(parts, toEvent("2", "shop.checkout.started", {}));
    await send(parts, toEvent("3", "shop.checkout.started", {}, { subject: "bob" }));
    await idle(parts);
    const accepted = await parts.accepted();
    expect(accepted.map(({ recipient }) => recipient?.userId)).toEqual(["ada"]);
    expect(accepted[0]?.trigger?.context?.cartValue?.minor).toBe(1_900n);
  });

  it("that is older than a campaign is to hear of is kept, and triggers nothing", async () => {
    await using parts = await startTriggers();
    await parts.run("rescue", { trigger: { on: { case: "event", value: ShopEventKind.CHECKOUT_STARTED } } });
    const metrics = createMetrics();
    await using _intake = await start({ ...parts, metrics });
    const at = (agoMs: number, subject: string) => ({ subject, time: new Date(Date.now() - agoMs).toISOString() });
    await send(parts, toEvent("1", "shop.checkout.started", {}, at(AGE_MS_MAX + 60_000, "ada")));
    await send(parts, toEvent("2", "shop.checkout.started", {}, at(AGE_MS_MAX - 60_000, "bob")));
    await until(async () => (await parts.accepted()).length > 0, "bob's");
    await idle(parts);
    expect((await parts.accepted()).map(({ recipient }) => recipient?.userId)).toEqual(["bob"]);
    expect(await kept(parts)).toHaveLength(1);
    expect(await metrics.registry.metrics()).toContain('intervention_shop_events_total{effect="too_old"} 1');
  });

  it("does not come back from before a shopper was erased, but what he does after that counts", async () => {
    await using parts = await startTriggers();
    await send(parts, toEvent("before"));
    await parts.erase("ada");
    await using _intake = await start(parts);
    await send(parts, toEvent("after"));
    await until(async () => (await kept(parts)).length > 0, "the event after it");
    await idle(parts);
    expect((await kept(parts)).map(({ eventId }) => eventId)).toEqual([expect.stringMatching(/after$/)]);
  });

  it("comes through when its workspace was made by another process a moment ago", async () => {
    await using parts = await startTriggers();
    await using _intake = await start(parts);
    // Sent first, so that whoever hears of it can't know the workspace yet.
    const page = toBinary(ShopEventSchema, view("1", "/"));
    await parts.bus.js.publish(parts.bus.subjects.shopEvents("new"), packItems([page]));
    await createWorkspace(parts.store, "new");
    await until(() => parts.store.shopEvents.findOne({ workspaceId: "new", userId: "ada" }), "the event kept");
    expect(await listDeadLetters(parts.bus, { workspace: "new", after: 0, limit: 10 })).toEqual([]);
  });
});

const view = (eventId: string, page: string): ShopEvent =>
  create(ShopEventSchema, {
    ...{ eventId, page, userId: "ada", kind: ShopEventKind.PAGE_VIEWED },
    occurTime: timestampFromDate(new Date()),
  });

it("the effects of what was heard are counted", async () => {
  await using parts = await startTriggers();
  const metrics = createMetrics();
  await using _intake = await start({ ...parts, metrics });
  for (let n = 0; n < 3; n += 1) await send(parts, toEvent("1"));
  await send(parts, toEvent("2", "warehouse.item.moved"));
  await idle(parts);
  const text = await metrics.registry.metrics();
  expect(text).toContain('intervention_shop_events_total{effect="kept"} 1');
  expect(text).toContain('intervention_shop_events_total{effect="repeated"} 2');
  expect(text).toContain('intervention_shop_events_total{effect="not_ours"} 1');
});
