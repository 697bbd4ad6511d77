import { fromBinary } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { RealtimeMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import type { InterventionFrame } from "../../gen/intervention/v1/realtime_pb.js";
import { GrpcClient } from "../api/testing/grpc-client.ts";
import { PresenceAnnouncer } from "../bus/index.ts";
import { startParts } from "../testing/parts.ts";
import { until } from "../testing/until.ts";

it("tells a follower who is there that a product is back, once, with its price and stock, and not when it sold out again meanwhile", async () => {
  await using parts = await startParts();
  const { bus, container, services } = parts;
  const presence = new PresenceAnnouncer(bus, "g1");
  presence.add("main", "ada");
  const frames: InterventionFrame[] = [];
  bus.nc.subscribe(bus.subjects.all.live, {
    callback: (_, { data }) => {
      const { message } = fromBinary(RealtimeMessageSchema, data);
      if (message.case === "intervention") frames.push(message.value);
    },
  });
  await bus.nc.flush();
  const { server } = await container.get(services.api);
  using client = new GrpcClient(`127.0.0.1:${server.port}`, { authorization: `Bearer ${parts.apiKey}` });
  const call = async (method: string, request: object) => {
    const answer = await client.call(`intervention.v1.${method}`, request);
    expect(answer).toMatchObject({ code: 0 });
    return answer.body;
  };
  const upsert = (productId: string, seconds: number, stock: number) =>
    call("CatalogService/Upsert", {
      product: {
        ...{ productId, title: "Shoe", price: { currency: "EUR", minor: 4_990 }, stock, updateTime: { seconds } },
      },
    });
  await call("TopicService/SetTopicRule", { rule: { kind: "TOPIC_KIND_BACK_IN_STOCK" } });
  for (const id of ["s1", "s2"]) {
    await call("TopicService/Subscribe", { userId: "ada", topic: `product:${id}:back_in_stock` });
    await upsert(id, 1_000, 0);
    await upsert(id, 2_000, 5);
  }
  // Sold out before anybody was told.
  await upsert("s2", 3_000, 0);
  await upsert("s1", 3_000, 4);
  await container.get(services.decide);
  await container.get(services.schedule);
  const [frame] = await until(() => (frames.length > 0 ? frames : undefined), "the news arrive");
  const fanOuts = await until(async () => {
    const done = await parts.store.fanOuts.find({ state: "done" }).toArray();
    return done.length === 2 ? done : undefined;
  }, "both fan-outs are done");
  expect(fanOuts.map(({ acceptedCount }) => acceptedCount)).toEqual([1, 1]);
  await until(async () => (await parts.store.decisions.countDocuments()) === 2, "both are decided");
  expect(frame).toMatchObject({
    content: { title: "Shoe is back in stock", body: "EUR 49.90" },
    products: [{ productId: "s1", stock: 4, price: { currency: "EUR", minor: 4_990n } }],
  });
  expect((await parts.store.decisions.find({ outcome: "suppress" }).toArray()).length).toBe(1);
  expect(frames).toHaveLength(1);
  presence.stop();
});
