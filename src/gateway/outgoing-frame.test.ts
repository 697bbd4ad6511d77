import { create, fromBinary, type JsonObject, type MessageInitShape, toBinary, toJson } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RealtimeMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import { GonePolicySchema, Presentation_KindSchema } from "../../gen/intervention/v1/intervention_pb.js";
import { ServerFrameSchema } from "../../gen/intervention/v1/realtime_pb.js";
import { HistoryFrame, toFrame } from "./outgoing-frame.ts";

const text = fc.oneof(fc.constant(""), fc.string({ unit: "grapheme", maxLength: 40 }));
const time = fc.record({
  seconds: fc.bigInt({ min: 0n, max: 253_402_300_799n }),
  nanos: fc.oneof(fc.constantFrom(0, 1_000_000, 120_000_000, 1_000, 7), fc.integer({ min: 0, max: 999_999_999 })),
});
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.oneof(fc.constant(undefined), arbitrary);
// Struct keeps numbers as doubles; JSON has no -0.
const data: fc.Arbitrary<JsonObject> = fc.dictionary(
  fc.string({ maxLength: 8 }).filter((key) => key !== "__proto__"),
  fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value))),
  { maxKeys: 5 },
);
const money = fc.record({ currency: text, minor: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) });
const product = fc
  .record({
    ...{ productId: text, title: text, imageUrl: text, link: text, price: maybe(money), salePrice: maybe(money) },
    ...{ stock: maybe(fc.integer({ min: 0, max: 2 ** 31 - 1 })), asOf: maybe(time), updateTime: maybe(time) },
  })
  .map(({ price, salePrice, stock, asOf, updateTime, ...rest }) => ({
    ...rest,
    ...(price === undefined ? {} : { price }),
    ...(salePrice === undefined ? {} : { salePrice }),
    ...(stock === undefined ? {} : { stock }),
    ...(asOf === undefined ? {} : { asOf }),
    ...(updateTime === undefined ? {} : { updateTime }),
  }));
const intervention = fc.record({
  interventionId: text,
  content: maybe(
    fc.record({
      title: text,
      body: text,
      imageUrl: text,
      actions: fc.array(fc.record({ id: text, label: text, url: text }), { maxLength: 3 }),
      data: maybe(data),
      productIds: fc.array(text, { maxLength: 3 }),
      gonePolicy: fc.constantFrom(...GonePolicySchema.values.map(({ number }) => number)),
      presentation: maybe(
        fc.record({
          kind: fc.constantFrom(...Presentation_KindSchema.values.map(({ number }) => number)),
          placement: text,
          viewId: text,
        }),
      ),
    }),
  ),
  campaign: text,
  acceptTime: maybe(time),
  expireTime: maybe(time),
  products: fc.array(product, { maxLength: 3 }),
});
type Message = NonNullable<MessageInitShape<typeof RealtimeMessageSchema>["message"]>;
const message: fc.Arbitrary<Message> = fc.oneof(
  intervention.map(
    ({ content, acceptTime, expireTime, ...rest }): Message => ({
      case: "intervention",
      value: {
        ...rest,
        ...(acceptTime === undefined ? {} : { acceptTime }),
        ...(expireTime === undefined ? {} : { expireTime }),
        ...(content === undefined
          ? {}
          : { content: { ...content, ...(content.data === undefined ? { data: undefined } : {}) } }),
      },
    }),
  ),
  text.map((interventionId): Message => ({ case: "revoke", value: { interventionId } })),
  text.map((interventionId): Message => ({ case: "inboxChanged", value: { interventionId } })),
);
const offset = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });

/** What the library makes of it, the slow way. */
function slowly(of: Message, at: number) {
  const { message: inner } = create(RealtimeMessageSchema, { message: of });
  if (inner.case !== undefined) inner.value.offset = BigInt(at);
  return create(ServerFrameSchema, { frame: inner });
}

describe("a frame from the history", () => {
  it("is, in JSON, what the library's own mapping gives", () => {
    fc.assert(
      fc.property(message, offset, (of, at) => {
        const frame = new HistoryFrame(
          toBinary(RealtimeMessageSchema, create(RealtimeMessageSchema, { message: of })),
          at,
        );
        expect(JSON.parse(new TextDecoder().decode(frame.encode("json")))).toEqual(
          toJson(ServerFrameSchema, slowly(of, at)),
        );
      }),
      { numRuns: 500 },
    );
  });

  it("is, in protobuf, the same message as the library encodes", () => {
    fc.assert(
      fc.property(message, offset, (of, at) => {
        const frame = new HistoryFrame(
          toBinary(RealtimeMessageSchema, create(RealtimeMessageSchema, { message: of })),
          at,
        );
        expect(fromBinary(ServerFrameSchema, frame.encode("proto"))).toEqual(
          fromBinary(ServerFrameSchema, toBinary(ServerFrameSchema, slowly(of, at))),
        );
      }),
      { numRuns: 500 },
    );
  });

  it("is encoded once for all the sockets it goes to", () => {
    const frame = new HistoryFrame(
      toBinary(
        RealtimeMessageSchema,
        create(RealtimeMessageSchema, { message: { case: "revoke", value: { interventionId: "i" } } }),
      ),
      7,
    );
    expect(frame.encode("json")).toBe(frame.encode("json"));
    expect(frame.encode("proto")).toBe(frame.encode("proto"));
  });

  it.each([
    ["nothing", new Uint8Array()],
    ["a field that we don't know", Uint8Array.of(0x7a, 0)],
  ])("is refused when the message holds %s", (_, bytes) => {
    expect(() => new HistoryFrame(bytes, 7)).toThrow(/message 7 of REALTIME/);
  });

  it("is refused when the message is cut off", () => {
    expect(() => new HistoryFrame(Uint8Array.of(0x0a, 9, 0x12), 7)).toThrow();
  });
});

describe("a frame of the gateway's own", () => {
  it("carries the place of the session it welcomes to", () => {
    expect(
      toFrame({ case: "welcome", value: { epoch: "e", offset: 9n, serverTime: timestampFromMs(0) } }),
    ).toMatchObject({ kind: "welcome", epoch: "e", offset: 9 });
    expect(toFrame({ case: "ping", value: {} }).offset).toBeUndefined();
  });
});
