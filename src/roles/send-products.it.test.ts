import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromDate, timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { Binary } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InterventionMessageSchema, RealtimeMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import { ProductSchema } from "../../gen/intervention/v1/catalog_pb.js";
import { DecisionSchema, Rule } from "../../gen/intervention/v1/decision_pb.js";
import { type ContentSchema, GonePolicy, Priority } from "../../gen/intervention/v1/intervention_pb.js";
import type { InterventionFrame } from "../../gen/intervention/v1/realtime_pb.js";
import { BatchPublisher, PresenceAnnouncer, packItems } from "../bus/index.ts";
import { decide } from "../domain/decision/decide.ts";
import { tellProductsChanged } from "../integrations/catalog-view.ts";
import { listRounds, putProducts, toDecision, toDecisionInput, toPosition, toProductDocument } from "../store/index.ts";
import { startParts } from "../testing/parts.ts";
import { until } from "../testing/until.ts";

type ProductInit = Extract<MessageInitShape<typeof ProductSchema>, { $typeName?: never }>;
type ContentInit = Extract<MessageInitShape<typeof ContentSchema>, { $typeName?: never }>;

describe("a message about products", () => {
  let parts: Awaited<ReturnType<typeof startParts>>;
  let presence: PresenceAnnouncer;
  const frames = new Map<string, InterventionFrame>();
  beforeAll(async () => {
    parts = await startParts({ CATALOG_AGE_MS: "3600000" });
    presence = new PresenceAnnouncer(parts.bus, "g1");
    presence.add("main", "ada");
    parts.bus.nc.subscribe(parts.bus.subjects.all.live, {
      callback: (_, { data }) => {
        const { message } = fromBinary(RealtimeMessageSchema, data);
        if (message.case === "intervention") frames.set(message.value.interventionId, message.value);
      },
    });
    await parts.bus.nc.flush();
    await parts.container.get(parts.services.decide);
  });
  afterAll(async () => {
    presence.stop();
    await parts[Symbol.asyncDispose]();
  });

  const put = async (productId: string, atMs: number, more: ProductInit = {}) => {
    const at = timestampFromMs(atMs);
    const price = { currency: "EUR", minor: 5_000n };
    const product = create(ProductSchema, { productId, title: "Shoe", price, stock: 3, updateTime: at, ...more });
    await putProducts(parts.store, [toProductDocument({ workspaceId: "main", productId, product, at })]);
    tellProductsChanged(parts.bus, "main", [productId]);
    await parts.bus.nc.flush();
  };
  let made = 0;
  /** @returns what was decided. */
  const send = async (content: ContentInit) => {
    made += 1;
    const interventionId = `products${made}`;
    const message = create(InterventionMessageSchema, {
      ...{ workspace: "main", interventionId, idempotencyKey: `k${made}`, priority: Priority.NORMAL, policy: {} },
      recipient: { userId: "ada" },
      content: { title: "Look", ...content },
      acceptTime: timestampFromDate(new Date()),
    });
    await parts.store.interventions.insertOne({
      ...{ _id: interventionId, workspaceId: "main", userId: "ada", acceptedAt: new Date() },
      position: toPosition(new Date(), interventionId),
      bodyHash: new Binary(),
      message: new Binary(toBinary(InterventionMessageSchema, message)),
    });
    const data = packItems([toBinary(InterventionMessageSchema, message)]);
    await new BatchPublisher(parts.bus).publish({ subject: parts.bus.subjects.intervention("main", "normal"), data });
    const document = await until(
      async () => (await listRounds(parts.store, "main", interventionId)).at(-1),
      `decision of ${interventionId}`,
    );
    return { interventionId, document };
  };
  const frameOf = (id: string) => until(() => frames.get(id), `frame of ${id}`);

  it("names price and stock of the moment of sending, also right after a change", async () => {
    await put("p1", 1_000);
    await put("p2", 1_000, { stock: undefined, salePrice: { currency: "EUR", minor: 1n } });
    const before = Date.now();
    const first = await frameOf((await send({ productIds: ["p2", "p1"] })).interventionId);
    expect(first.products.map(({ productId, stock }) => [productId, stock])).toEqual([
      ["p2", undefined],
      ["p1", 3],
    ]);
    expect(first.products[0]?.salePrice?.minor).toBe(1n);
    expect(timestampMs(first.products[0]?.asOf ?? timestampFromMs(0))).toBeGreaterThanOrEqual(before);
    await put("p1", 2_000, { price: { currency: "EUR", minor: 4_000n }, stock: 2 });
    const second = await frameOf((await send({ productIds: ["p1"] })).interventionId);
    expect(second.products).toMatchObject([{ stock: 2, price: { minor: 4_000n } }]);
  });

  it("shows just what the decision was made on, and that decides the same again", async () => {
    await put("e1", 1_000);
    const { document, interventionId } = await send({
      productIds: ["e1", "unknown"],
      gonePolicy: GonePolicy.LEAVE_OUT,
    });
    const input = toDecisionInput(document);
    if (input === undefined) throw new Error("no input was recorded");
    expect(input.products).toMatchObject({ available: [{ productId: "e1" }], gone: ["unknown"] });
    expect((await frameOf(interventionId)).products).toEqual(input.products?.available);
    expect(Buffer.from(toBinary(DecisionSchema, decide(input)))).toEqual(Buffer.from(document.decision.value()));
  });

  it.each([
    { what: "is out of stock", more: { stock: 0 } },
    { what: "was never there", more: undefined },
  ])("is not sent when its product $what and its policy stops it", async ({ what, more }) => {
    const id = `gone ${what}`;
    if (more !== undefined) await put(id, 1_000, more);
    const { document } = await send({ productIds: [id], gonePolicy: GonePolicy.STOP });
    expect(document.outcome).toBe("suppress");
    expect(toDecision(document).verdicts.at(-1)).toMatchObject({ rule: Rule.CATALOG });
  });
});
