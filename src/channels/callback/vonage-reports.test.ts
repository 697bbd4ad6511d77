import { describe, expect, it, test } from "vitest";
import { vonageInbound, vonageStatus } from "../testing/vonage.ts";
import { CallbackRefused } from "./report.ts";
import { readVonageInbound, readVonageStatus } from "./vonage-reports.ts";

const AT = "2026-11-25T11:59:58.123Z";
const bytes = (said: unknown) => new TextEncoder().encode(typeof said === "string" ? said : JSON.stringify(said));
const status = (name: string, changes: object = {}) =>
  readVonageStatus(bytes(vonageStatus("u-1", name, { timestamp: AT, ...changes })));
const failed = (code: number, detail = "") => ({
  error: { type: `https://developer.vonage.com/api-errors/messages#${code}`, title: code, detail, instance: "i" },
});
const common = { providerMessageId: "u-1", at: new Date(AT), addresses: [], reason: "" };
const bounced = { kind: "bounced", suppression: { scope: "all", reason: "bounce" } } as const;

describe("a status of Vonage", () => {
  test.each([
    ["delivered", { ...common, id: "delivered", kind: "delivered" }],
    ["read", { ...common, id: "read", kind: "displayed" }],
    ["submitted", undefined],
    ["constructor", undefined],
  ])("%s", (name, report) => expect(status(name)).toEqual(report));

  test.each([
    [1050, bounced],
    [1170, bounced],
    [1190, bounced],
    [1240, { kind: "bounced", suppression: { scope: "marketing", reason: "unsubscribe" } }],
    [1180, { kind: "soft_bounced" }],
    [1260, { kind: "soft_bounced" }],
    [1070, { kind: "rejected" }],
    [1330, { kind: "rejected" }],
  ])("rejected for %i says of the number and the message", (code, meaning) => {
    const said = { ...common, id: "rejected", addresses: ["+447700900000"], reason: `rejected: ${code}` };
    expect(status("rejected", failed(code))).toEqual({ ...said, ...meaning });
  });

  it("undeliverable for no reason that is known is the message's own affair, and names nobody", () => {
    const report = status("undeliverable", failed(9_999, "to +447700900000: no\nroute"));
    expect(report).toEqual({
      ...{ ...common, id: "undeliverable", kind: "rejected", addresses: ["+447700900000"] },
      reason: "undeliverable: 9999: to …: no route",
    });
    expect(status("rejected", { to: "not a number" })).toMatchObject({ kind: "rejected", addresses: [] });
  });

  it("is malformed where anything that is looked at is missing or of another type", () => {
    const bad = ["{", "[]", {}, vonageStatus("", "delivered"), vonageStatus("u", "delivered", { timestamp: "now" })];
    for (const said of [...bad, vonageStatus("u", "rejected", { error: "no" })])
      expect(() => readVonageStatus(bytes(said)), JSON.stringify(said)).toThrow(
        expect.objectContaining({ constructor: CallbackRefused, reason: "malformed" }),
      );
  });
});

describe("what somebody writes", () => {
  test.each([
    [
      "a text",
      vonageInbound("447700900000", "STOP", { timestamp: AT }),
      { from: "+447700900000", text: "STOP", at: new Date(AT) },
    ],
    [
      "nothing",
      vonageInbound("447700900000", "", { timestamp: AT, text: undefined }),
      { from: "+447700900000", text: "", at: new Date(AT) },
    ],
    ["a picture", vonageInbound("447700900000", "", { message_type: "image" }), undefined],
    ["by another channel", vonageInbound("447700900000", "STOP", { channel: "whatsapp" }), undefined],
    ["from a name", vonageInbound("ACME", "STOP"), undefined],
  ])("%s", (_, said, written) => expect(readVonageInbound(bytes(said))).toEqual(written));

  it("is malformed where anything that is looked at is missing or of another type", () => {
    for (const changes of [{ from: undefined }, { from: 5 }, { timestamp: "x" }, { text: [] }, { channel: undefined }])
      expect(() => readVonageInbound(bytes(vonageInbound("447700900000", "STOP", changes)))).toThrow(
        expect.objectContaining({ constructor: CallbackRefused, reason: "malformed" }),
      );
  });
});
