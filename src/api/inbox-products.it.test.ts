import { create, toBinary } from "@bufbuild/protobuf";
import { Binary } from "mongodb";
import { expect, it } from "vitest";
import { GonePolicy } from "../../gen/intervention/v1/intervention_pb.js";
import { InterventionFrameSchema } from "../../gen/intervention/v1/realtime_pb.js";
import { insertInboxItems, toPosition } from "../store/index.ts";
import { GrpcClient } from "./testing/grpc-client.ts";
import { startApi } from "./testing/start-api.ts";

it("names in the inbox the products as they are when it is read, and hides what its policy stops until they are back", async () => {
  await using api = await startApi();
  using client = new GrpcClient(api.address, { authorization: `Bearer ${api.apiKey}` });
  const upsert = (productId: string, seconds: number, more: object) =>
    client.call("intervention.v1.CatalogService/Upsert", {
      product: {
        ...{ productId, title: "Shoe", price: { currency: "EUR", minor: 5_000 }, updateTime: { seconds } },
        ...more,
      },
    });
  const item = (id: string, gonePolicy: GonePolicy) => {
    const content = { title: id, productIds: ["p1", "p2"], gonePolicy };
    const frame = create(InterventionFrameSchema, { interventionId: id, content });
    return {
      ...({ _id: id, workspaceId: "main", userId: "ada", state: "unread", createdAt: new Date() } as const),
      position: toPosition(new Date(), id),
      frame: new Binary(toBinary(InterventionFrameSchema, frame)),
    };
  };
  await insertInboxItems(api.store, [item("leave", GonePolicy.LEAVE_OUT), item("stop", GonePolicy.STOP)]);
  const list = async () => {
    const { items } = (await client.call("intervention.v1.InboxService/List", { userId: "ada" })).body;
    return JSON.parse(JSON.stringify(items)).map(
      ({ interventionId, products }: { interventionId: string; products: { productId: string; stock: number }[] }) => [
        interventionId,
        ...products.map(({ productId, stock }) => `${productId}: ${stock}`),
      ],
    );
  };
  await upsert("p1", 1_000, { stock: 3 });
  expect(await list()).toEqual([["leave", "p1: 3"]]);
  await upsert("p1", 2_000, { stock: 2 });
  await upsert("p2", 2_000, { stock: 9 });
  await api.bus.nc.flush();
  expect(await list()).toEqual([
    ["stop", "p1: 2", "p2: 9"],
    ["leave", "p1: 2", "p2: 9"],
  ]);
});
