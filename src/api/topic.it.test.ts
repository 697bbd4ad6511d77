import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { toSubscription } from "../store/subscriptions.ts";
import { GrpcClient } from "./testing/grpc-client.ts";
import { startCallers } from "./testing/start-callers.ts";

const SERVICE = "intervention.v1.TopicService";

describe("topics", () => {
  let api: Awaited<ReturnType<typeof startCallers>>;
  beforeAll(async () => {
    api = await startCallers(SERVICE);
  });
  afterAll(() => api[Symbol.asyncDispose]());
  const call = (method: string, request: object) => api.call(method, request);
  const upsert = (product: object) => api.client.call("intervention.v1.CatalogService/Upsert", { product });
  const fanOutsOn = (topic: string) => api.store.fanOuts.find({ topic }).toArray();

  it("are followed once, listed by name page by page, counted, and left", async () => {
    for (const topic of ["b", "a", "c", "a"]) expect((await call("Subscribe", { userId: "ada", topic })).code).toBe(0);
    await call("Subscribe", { userId: "bob", topic: "a" });
    const first = (await call("ListSubscriptions", { userId: "ada", pageSize: 2 })).body;
    expect(first.subscriptions).toMatchObject([{ topic: "a" }, { topic: "b" }]);
    const rest = (await call("ListSubscriptions", { userId: "ada", pageSize: 2, pageToken: first.nextPageToken })).body;
    expect(rest.subscriptions).toMatchObject([{ topic: "c" }]);
    expect((await call("CountFollowers", { topic: "a" })).body).toEqual({ followerCount: 2 });
    await call("Unsubscribe", { userId: "ada", topic: "a" });
    await call("Unsubscribe", { userId: "ada", topic: "a" });
    expect((await call("CountFollowers", { topic: "a" })).body).toEqual({ followerCount: 1 });
    expect((await api.callAsStranger("CountFollowers", { topic: "a" })).body).toEqual({ followerCount: 0 });
  });

  it("are open to a user's own token, for himself and nothing else", async () => {
    const { body } = await api.client.call("intervention.v1.SessionService/CreateToken", { userId: "eve" });
    using eve = new GrpcClient(api.address, { authorization: `Bearer ${String(body.token)}` });
    expect((await eve.call(`${SERVICE}/Subscribe`, { topic: "mine" })).code).toBe(0);
    expect((await call("ListSubscriptions", { userId: "eve" })).body.subscriptions).toMatchObject([{ topic: "mine" }]);
    expect((await eve.call(`${SERVICE}/Subscribe`, { userId: "ada", topic: "mine" })).code).toBe(7);
    expect((await eve.call(`${SERVICE}/TriggerTopic`, { topic: "mine", content: { title: "t" } })).code).toBe(7);
    expect((await eve.call(`${SERVICE}/CountFollowers`, { topic: "mine" })).code).toBe(7);
  });

  it("refuses the thousand-and-first topic of a user", async () => {
    await api.store.subscriptions.insertMany(
      Array.from({ length: 1_000 }, (_, i) =>
        toSubscription({ workspaceId: "main", userId: "fan", topic: `t${i}` }, new Date()),
      ),
    );
    expect((await call("Subscribe", { userId: "fan", topic: "one more" })).code).toBe(8);
  });

  it("start one fan-out a key, which can be looked at and cancelled, but not by strangers", async () => {
    const request = { topic: "sale", idempotencyKey: "k1", content: { title: "Sale" }, ttl: { seconds: 60 } };
    const first = (await call("TriggerTopic", request)).body;
    expect(first).toMatchObject({ duplicate: false, fanOut: { topic: "sale", state: "STATE_RUNNING", progress: 0 } });
    const again = (await call("TriggerTopic", request)).body;
    expect(again).toEqual({ ...first, duplicate: true });
    expect((await call("TriggerTopic", { ...request, topic: "other" })).code).toBe(6);
    expect((await call("TriggerTopic", { ...request, content: { title: "Other" } })).code).toBe(6);
    const [fanOut] = await fanOutsOn("sale");
    const name = { fanOutId: fanOut?._id };
    for (const method of ["GetFanOut", "CancelFanOut"]) expect((await api.callAsStranger(method, name)).code).toBe(5);
    expect((await call("CancelFanOut", name)).body).toMatchObject({ fanOut: { state: "STATE_CANCELLED" } });
    expect((await call("GetFanOut", name)).body).toMatchObject({ fanOut: { state: "STATE_CANCELLED" } });
  });

  it.each([
    { what: "no topic", request: { content: { title: "t" } } },
    { what: "no content", request: { topic: "t" } },
    { what: "a bad content", request: { topic: "t", content: { title: "t", productIds: ["p", "p"] } } },
  ])("refuse $what", async ({ request }) => {
    expect((await call("TriggerTopic", request)).code).toBe(3);
  });

  describe("of the catalogue", () => {
    const product = (id: string, at: number, more: object = {}) => ({
      ...{ productId: id, title: "Shoe", price: { currency: "EUR", minor: 5_000 }, stock: 0 },
      updateTime: { seconds: at },
      ...more,
    });

    it("are raised once when a followed product is back, with the workspace's words", async () => {
      await call("SetTopicRule", {
        rule: { kind: "TOPIC_KIND_BACK_IN_STOCK", content: { title: "{title} is here", body: "for {price}" } },
      });
      await call("Subscribe", { userId: "ada", topic: "product:s1:back_in_stock" });
      await upsert(product("s1", 1_000));
      expect(await fanOutsOn("product:s1:back_in_stock")).toHaveLength(0);
      await upsert(product("s1", 2_000, { stock: 5 }));
      await upsert(product("s1", 2_000, { stock: 5 }));
      await upsert(product("s1", 3_000, { stock: 4 }));
      await upsert(product("s1", 1_500, { stock: 0 }));
      expect(await fanOutsOn("product:s1:back_in_stock")).toHaveLength(1);
      await upsert(product("s1", 4_000, { stock: 0 }));
      await upsert(product("s1", 5_000, { stock: 1 }));
      expect(await fanOutsOn("product:s1:back_in_stock")).toHaveLength(2);
      const [raised] = await fanOutsOn("product:s1:back_in_stock");
      expect(raised?.trigger.toString("utf8")).toContain("Shoe is here");
      expect(raised?.trigger.toString("utf8")).toContain("for EUR 50.00");
    });

    it("are not raised without a rule, nor where nobody follows", async () => {
      await call("SetTopicRule", { rule: { kind: "TOPIC_KIND_PRICE_DROP" } });
      const drop = async (id: string) => {
        await upsert(product(id, 1_000, { stock: 1 }));
        await upsert(product(id, 2_000, { stock: 1, price: { currency: "EUR", minor: 4_000 } }));
        return (await fanOutsOn(`product:${id}:price_drop`)).length;
      };
      expect(await drop("d1")).toBe(0);
      await call("Subscribe", { userId: "ada", topic: "product:d2:price_drop" });
      expect(await drop("d2")).toBe(1);
      expect((await call("ListTopicRules", {})).body.rules).toMatchObject([
        { kind: "TOPIC_KIND_BACK_IN_STOCK" },
        { kind: "TOPIC_KIND_PRICE_DROP" },
      ]);
      await call("DeleteTopicRule", { kind: "TOPIC_KIND_PRICE_DROP" });
      await call("Subscribe", { userId: "ada", topic: "product:d3:price_drop" });
      expect(await drop("d3")).toBe(0);
    });

    it("refuse a rule that could never be sent", async () => {
      for (const rule of [
        undefined,
        { kind: "TOPIC_KIND_UNSPECIFIED" },
        { kind: "TOPIC_KIND_PRICE_DROP", content: { title: "" } },
        { kind: "TOPIC_KIND_PRICE_DROP", ttl: { seconds: 0 } },
      ])
        expect((await call("SetTopicRule", { rule })).code).toBe(3);
    });
  });

  it.each([
    { what: "followers of a topic", filter: { workspaceId: "main", topic: "a", place: { $gte: "0" } } },
    { what: "topics of a user", filter: { workspaceId: "main", userId: "ada", topic: { $gt: "" } } },
  ])("find $what by an index", async ({ filter }) => {
    const plan = JSON.stringify(await api.store.subscriptions.find(filter).explain("queryPlanner"));
    expect(plan).toContain("IXSCAN");
    expect(plan).not.toContain("COLLSCAN");
  });
});
