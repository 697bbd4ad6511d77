import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { ClientFrameSchema } from "../../gen/intervention/v1/realtime_pb.js";
import { parseClientFrame, parseTrackBody } from "./incoming-frame.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("a client's frame", () => {
  test.each([
    "",
    "{",
    "null",
    "[]",
    "7",
    '"hello"',
    "{}",
    '{"hello":7}',
    '{"hello":{"resume":{"offset":"-1"}}}',
    '{"track":{"events":[{"occurTime":"yesterday"}]}}',
    '{"hello":{},"pong":{}}',
  ])("is bad: %s", (text) => {
    expect(parseClientFrame(bytes(text), "json").kind).toBe("bad");
  });

  it("is bad when it is not UTF-8", () => {
    expect(parseClientFrame(Uint8Array.of(0x7b, 0xff, 0x7d), "json").kind).toBe("bad");
  });

  it("may hold fields of a newer client", () => {
    expect(parseClientFrame(bytes('{"hello":{"client":"x","mood":"good"}}'), "json")).toMatchObject({
      kind: "frame",
      frame: { frame: { case: "hello", value: { client: "x" } } },
    });
  });

  it("is read as protobuf where that was agreed", () => {
    const frame = create(ClientFrameSchema, { frame: { case: "pong", value: {} } });
    expect(parseClientFrame(toBinary(ClientFrameSchema, frame), "proto")).toEqual({ kind: "frame", frame });
    expect(parseClientFrame(new Uint8Array(), "proto").kind).toBe("bad");
  });

  it("never throws, whatever the bytes", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom("json" as const, "proto" as const),
        (data, format) => {
          expect(["frame", "bad"]).toContain(parseClientFrame(data, format).kind);
          parseTrackBody(data);
        },
      ),
    );
  });
});
