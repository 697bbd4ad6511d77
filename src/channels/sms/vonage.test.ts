import { generateKeyPairSync } from "node:crypto";
import jwt from "jsonwebtoken";
import { describe, expect, it } from "vitest";
import { startAnswering } from "../testing/answering-server.ts";
import { inTime, outgoing } from "../testing/outgoing.ts";
import { vonageProvider } from "./vonage.ts";

const { privateKey, publicKey } = generateKeyPairSync("rsa", {
  modulusLength: 2_048,
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" },
});
const applicationId = "7b9c2f1e-58c1-4a8e-9c1b-3f6d2a4b5c6d";
const open = (apiHost: string) => vonageProvider({ allowPrivate: true }).open({ applicationId, privateKey, apiHost });
const json = { "content-type": "application/json" };
/** As Vonage answers (Messages API reference, "Errors"). */
const problem = (status: number, title: string, more: object = {}) => ({
  ...{ status, headers: json },
  body: JSON.stringify({
    type: "https://developer.vonage.com/api-errors/messages",
    title,
    detail: "",
    instance: "i",
    ...more,
  }),
});

describe("vonage", () => {
  it("sends by the Messages API, with a token that an independent library verifies", async () => {
    await using server = await startAnswering(() => ({ status: 202, headers: json, body: '{"message_uuid":"u-1"}' }));
    const sender = open(server.url);
    expect(await sender.send([outgoing("sms", "+49301234567")], inTime())).toEqual([
      { kind: "sent", providerMessageId: "u-1" },
    ]);
    await sender.close();
    const [asked] = server.asked;
    expect(asked).toMatchObject({ method: "POST", url: "/v1/messages" });
    expect(JSON.parse(asked?.body.toString() ?? "")).toMatchObject({
      ...{ message_type: "text", channel: "sms", to: "49301234567", from: "Shop", text: "Hello" },
    });
    const token = String(asked?.headers.authorization).replace(/^Bearer /, "");
    expect(jwt.verify(token, publicKey, { algorithms: ["RS256"] })).toMatchObject({ application_id: applicationId });
  });

  it.each([
    [problem(401, "Unauthorized"), { kind: "bad_credential" }],
    [problem(402, "Low balance"), { kind: "bad_credential" }],
    [problem(403, "Forbidden"), { kind: "bad_credential" }],
    [problem(422, "Invalid params", { invalid_parameters: [{ name: "to", reason: "invalid" }] }), { kind: "suppress" }],
    [
      problem(422, "Invalid params", { invalid_parameters: [{ name: "from", reason: "invalid" }] }),
      { kind: "give_up" },
    ],
    [
      { ...problem(429, "Rate Limit Hit"), headers: { ...json, "retry-after": "3" } },
      { kind: "retry", retryAfterMs: 3_000 },
    ],
    [problem(500, "Internal error"), { kind: "unknown" }],
    [problem(503, "Unavailable"), { kind: "retry" }],
    [{ status: 502, headers: { "content-type": "text/html" }, body: "<html>" }, { kind: "unknown" }],
  ] as const)("takes %o as %o", async (reply, result) => {
    await using server = await startAnswering(() => reply);
    const sender = open(server.url);
    expect(await sender.send([outgoing("sms", "+49301234567")], inTime())).toMatchObject([result]);
    await sender.close();
  });

  it("checks a credential by a message that nobody could get", async () => {
    await using server = await startAnswering(() => problem(422, "Invalid params"));
    expect(await open(server.url).check(inTime())).toEqual({ ok: true });
    expect(JSON.parse(server.asked[0]?.body.toString() ?? "").to || "").toBe("");
    await using refusing = await startAnswering(() => problem(401, "Unauthorized"));
    expect(await open(refusing.url).check(inTime())).toEqual({ ok: false, reason: "401 Unauthorized" });
  });

  it("does not know what became of a call that breaks or takes too long, and tries again where nobody listens", async () => {
    const server = await startAnswering((_, socket) => void socket.destroy());
    const message = [outgoing("sms", "+49301234567")];
    expect(await open(server.url).send(message, inTime())).toMatchObject([{ kind: "unknown" }]);
    await server[Symbol.asyncDispose]();
    expect(await open(server.url).send(message, inTime())).toMatchObject([{ kind: "retry" }]);
    await using slow = await startAnswering(() => undefined);
    expect(await open(slow.url).send(message, inTime(300))).toMatchObject([{ kind: "unknown" }]);
  });
});
