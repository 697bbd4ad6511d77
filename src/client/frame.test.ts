import { create, toJsonString } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it, test } from "vitest";
import { Presentation_Kind } from "../../gen/intervention/v1/intervention_pb.js";
import { ServerFrameSchema } from "../../gen/intervention/v1/realtime_pb.js";
import { parseServerFrame } from "./frame.ts";

const atMs = Date.parse("2026-03-01T12:00:00.250Z");

describe("server frames as protobuf's own JSON mapping writes them", () => {
  it("reads an intervention with everything in it", () => {
    const frame = create(ServerFrameSchema, {
      frame: {
        case: "intervention",
        value: {
          offset: 18_446_744_073_709_551_615n,
          interventionId: "iv-1",
          campaign: "spring",
          content: {
            title: "Still there?",
            body: "Ten percent off",
            imageUrl: "https://shop.test/a.png",
            actions: [{ id: "buy", label: "Buy", url: "" }],
            data: { code: "TEN", deep: { list: [1] } },
            presentation: { kind: Presentation_Kind.INLINE, placement: "home-hero", viewId: "v1" },
          },
          acceptTime: timestampFromMs(atMs),
          expireTime: timestampFromMs(atMs + 1),
          products: [
            {
              ...{ productId: "p1", title: "Shoe", imageUrl: "https://shop.test/p1.png", link: "https://shop.test/p1" },
              ...{ price: { currency: "EUR", minor: 5_000n }, stock: 0, asOf: timestampFromMs(atMs) },
              salePrice: { currency: "EUR", minor: 0n },
            },
            { productId: "p2" },
          ],
        },
      },
    });
    expect(parseServerFrame(toJsonString(ServerFrameSchema, frame))).toEqual({
      kind: "intervention",
      offset: "18446744073709551615",
      interventionId: "iv-1",
      campaign: "spring",
      content: {
        title: "Still there?",
        body: "Ten percent off",
        imageUrl: "https://shop.test/a.png",
        actions: [{ id: "buy", label: "Buy", url: "" }],
        data: { code: "TEN", deep: { list: [1] } },
        presentation: { kind: "inline", placement: "home-hero", viewId: "v1" },
      },
      products: [
        {
          ...{ id: "p1", title: "Shoe", imageUrl: "https://shop.test/p1.png", link: "https://shop.test/p1" },
          ...{ price: { currency: "EUR", minor: 5_000 }, salePrice: { currency: "EUR", minor: 0 }, stock: 0 },
          asOf: new Date(atMs),
        },
        {
          ...{ id: "p2", title: "", imageUrl: "", link: "" },
          ...{ price: undefined, salePrice: undefined, stock: undefined, asOf: undefined },
        },
      ],
      acceptTimeMs: atMs,
      expireTimeMs: atMs + 1,
    });
  });

  it("fills in the defaults that the mapping leaves out", () => {
    const frame = create(ServerFrameSchema, { frame: { case: "welcome", value: { epoch: "e" } } });
    expect(parseServerFrame(toJsonString(ServerFrameSchema, frame))).toEqual({
      kind: "welcome",
      sessionId: "",
      epoch: "e",
      offset: "0",
      isRecovered: false,
      unreadCount: 0,
      heartbeatMs: 0,
      serverTimeMs: undefined,
      tokenExpireTimeMs: undefined,
    });
  });

  test.each([
    { presentation: undefined, kind: "toast" },
    { presentation: {}, kind: "toast" },
    { presentation: { kind: "KIND_MODAL" }, kind: "modal" },
    { presentation: { kind: "KIND_BANNER" }, kind: "banner" },
    { presentation: { kind: "KIND_HOLOGRAM" }, kind: "toast" },
    { presentation: { kind: "constructor" }, kind: "toast" },
    { presentation: "KIND_MODAL", kind: "toast" },
  ])("shows $presentation as a $kind", ({ presentation, kind }) => {
    const frame = parseServerFrame(
      JSON.stringify({ intervention: { interventionId: "a", content: { presentation } } }),
    );
    expect(frame).toMatchObject({ content: { presentation: { kind, placement: "" } } });
  });

  test.each([
    { text: '{"ping":{}}', kind: "ping" },
    { text: '{"tracked":{"refs":["a"]}}', kind: "tracked" },
    { text: '{"drain":{}}', kind: "drain" },
    { text: '{"fault":{"reason":"BAD_FRAME"}}', kind: "fault" },
    { text: '{"tokenRefreshed":{}}', kind: "tokenRefreshed" },
    { text: '{"inboxChanged":{}}', kind: "inboxChanged" },
    { text: '{"revoke":{"interventionId":"a"}}', kind: "revoke" },
    { text: '{"somethingNewer":{}}', kind: "unknown" },
    { text: '{"constructor":{}}', kind: "unknown" },
    { text: "{}", kind: "unknown" },
  ])("reads $text as $kind", ({ text, kind }) => {
    expect(parseServerFrame(text)?.kind).toBe(kind);
  });

  test.each(["", "null", "[]", "{", '"ping"', '{"intervention":{}}', '{"revoke":{"offset":"4"}}'])(
    "takes %j for unreadable",
    (text) => {
      expect(parseServerFrame(text)).toBeUndefined();
    },
  );
});
