import { CloudEvent, HTTP } from "cloudevents";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { decodeCloudEvent, encodeCloudEvent } from "./cloud-event.ts";

const event = {
  id: "cdnow-2-0",
  source: "/sandbox/event-pipeline",
  type: "shop.page.viewed",
  subject: "00001",
  time: "2026-01-02T03:04:05.678Z",
  data: { user_id: "00001", page: "/cds" },
};

const decode = ({ headers, body }: { headers: Readonly<Record<string, unknown>>; body: Uint8Array }) =>
  decodeCloudEvent((name) => {
    const value = headers[name];
    return typeof value === "string" ? value : undefined;
  }, body);

describe("an event of the sandbox", () => {
  test.each(["structured", "binary"] as const)("is read by the CloudEvents SDK in %s mode", (mode) => {
    const { headers, body } = encodeCloudEvent(event, mode);
    const read = HTTP.toEvent({ headers: { ...headers }, body: Buffer.from(body).toString("utf8") });
    expect(read).toMatchObject({ ...event, specversion: "1.0" });
  });

  test.each(["structured", "binary"] as const)("made by the CloudEvents SDK in %s mode is read", (mode) => {
    const { headers, body } = HTTP[mode](new CloudEvent(event));
    expect(decode({ headers, body: Buffer.from(String(body)) })).toEqual(event);
  });

  it("comes back as it was whatever is in it", () => {
    const text = fc.string({ unit: "grapheme", minLength: 1 });
    fc.assert(
      fc.property(text, text, fc.constantFrom("structured", "binary"), (id, subject, mode) => {
        const sent = { ...event, id, subject };
        expect(decode(encodeCloudEvent(sent, mode))).toEqual(sent);
      }),
    );
  });

  test.each([
    ["no JSON", {}, "{"],
    ["a list", {}, "[]"],
    [
      "another version",
      { "content-type": "application/cloudevents+json" },
      JSON.stringify({ ...event, specversion: "0.3" }),
    ],
    ["no attributes", { "content-type": "application/json" }, JSON.stringify(event.data)],
  ])("is none when it is %s", (_name, headers, body) => {
    expect(decode({ headers, body: Buffer.from(body) })).toBeUndefined();
  });
});
