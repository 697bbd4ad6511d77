import { create, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ShopEventKind, ShopEventSchema } from "../../gen/intervention/v1/shopper_pb.js";
import { readBatch } from "../bus/index.ts";
import { insertShopEvents } from "../store/index.ts";
import { startCallers } from "./testing/start-callers.ts";

const SERVICE = "intervention.v1.EventService";
const INVALID_ARGUMENT = 3;
let made = 0;
const view = (more: object = {}) => {
  made += 1;
  return {
    ...{ eventId: `e${made}`, kind: "SHOP_EVENT_KIND_PAGE_VIEWED", userId: "ada", page: "/" },
    occurTime: { seconds: 1_780_000_000 },
    ...more,
  };
};

async function start() {
  const api = await startCallers(SERVICE);
  return {
    ...api,
    onStream: async () =>
      (
        await readBatch(api.bus, {
          ...{ stream: api.bus.subjects.stream("EVENTS"), subject: api.bus.subjects.shopEvents("main") },
          ...{ from: 1, limit: 100 },
        })
      ).length,
  };
}

describe("events of the shop by RPC", () => {
  it("are on the stream when they are answered, a batch of them in few messages", async () => {
    await using api = await start();
    expect((await api.call("Ingest", { event: view() })).code).toBe(0);
    expect(await api.onStream()).toBe(1);
    const batch = await api.call("IngestBatch", { events: Array.from({ length: 500 }, () => view()) });
    expect(batch.body.results).toHaveLength(500);
    expect(await api.onStream()).toBeLessThanOrEqual(3);
  });

  it("are refused with every bad field named, and nothing is put on the stream", async () => {
    await using api = await start();
    const refused = await api.call("Ingest", { event: view({ userId: "", page: "" }) });
    expect(refused.code).toBe(INVALID_ARGUMENT);
    expect(JSON.stringify(refused.details)).toContain("event.user_id");
    expect(JSON.stringify(refused.details)).toContain("event.page");
    expect(await api.onStream()).toBe(0);
    const mixed = await api.call("IngestBatch", { events: [view(), view({ userId: "" })] });
    expect((mixed.body.results as { code: number }[]).map(({ code }) => code)).toEqual([0, INVALID_ARGUMENT]);
    expect((await api.call("IngestBatch", { events: [] })).code).toBe(INVALID_ARGUMENT);
  });

  it("make a context that its own workspace alone can read", async () => {
    await using api = await start();
    const item = { productId: "mug", quantity: 3 };
    const event = create(ShopEventSchema, { eventId: "x", userId: "ada", kind: ShopEventKind.ITEM_ADDED, item });
    const body = toBinary(ShopEventSchema, event);
    await insertShopEvents(api.store, [{ event, body, at: new Date(), workspaceId: "main" }], new Date());
    const { body: answer } = await api.call("GetContext", { userId: "ada" });
    expect(answer).toMatchObject({ context: { userId: "ada", items: [{ productId: "mug", quantity: 3 }] } });
    const other = await api.callAsStranger("GetContext", { userId: "ada" });
    expect(other.body).toMatchObject({ context: { items: [] } });
  });
});
