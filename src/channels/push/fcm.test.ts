import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { Agent, createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { connect } from "node:tls";
import { describe, expect, it } from "vitest";
import { inTime, outgoing } from "../testing/outgoing.ts";
import { fcmProvider } from "./fcm.ts";

const tls = (name: string) => readFileSync(new URL(`../testing/tls/${name}.pem`, import.meta.url));
const { privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2_048,
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" },
});
const credential = { projectId: "shop-1", clientEmail: "engine@shop-1.iam.gserviceaccount.com", privateKey };

type Reply = { readonly status: number; readonly body: unknown };
type Sent = { readonly message: { readonly token?: string }; readonly validate_only?: boolean };

/** FCM by its own name, on this machine: the real SDK does not know the difference. Tokens come from whom the test names. */
async function startGoogle(answer: (sent: Sent) => Reply, getToken = async () => "granted") {
  const sent: Sent[] = [];
  const server = createServer({ key: tls("key"), cert: tls("cert") }, async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const isRight =
      request.headers.host === "fcm.googleapis.com" &&
      request.url === "/v1/projects/shop-1/messages:send" &&
      request.headers.authorization === "Bearer granted";
    const one = JSON.parse(body) as Sent;
    sent.push(one);
    const reply = isRight ? answer(one) : { status: 404, body: {} };
    response.writeHead(reply.status, { "content-type": "application/json" });
    response.end(JSON.stringify(reply.body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true });
  agent.createConnection = () =>
    connect({ host: "127.0.0.1", port, ca: tls("cert"), servername: "fcm.googleapis.com" });
  const toCredential = () => ({
    getAccessToken: async () => ({ access_token: await getToken(), expires_in: 3_600 }),
  });
  return {
    sent,
    sender: fcmProvider({ agent, toCredential }).open(credential),
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        agent.destroy();
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

const accepted: Reply = { status: 200, body: { name: "projects/shop-1/messages/1" } };
/** As FCM answers (HTTP v1 reference, "ErrorCode"). */
const refused = (status: number, code: string, message: string): Reply => ({
  status,
  body: {
    error: {
      ...{ code: status, message, status: code },
      details: [{ "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", errorCode: code }],
    },
  },
});

describe("fcm", () => {
  it("sends a batch by the real SDK, and gives each message its own result, in order", async () => {
    await using google = await startGoogle(({ message: { token } }) =>
      token === "dead" ? refused(404, "UNREGISTERED", "Requested entity was not found.") : accepted,
    );
    const messages = ["a", "dead", "b"].map((token, n) => outgoing("push", token, { n }));
    expect(await google.sender.send(messages, inTime())).toMatchObject([
      { kind: "sent", providerMessageId: "projects/shop-1/messages/1" },
      { kind: "suppress" },
      { kind: "sent" },
    ]);
    expect(google.sent.find(({ message }) => message.token === "a")?.message).toMatchObject({
      notification: { title: "Still there?", body: "Your cart is saved." },
      data: { intervention_id: "iv1", delivery_id: "iv0:push", url: "https://shop.example/cart" },
    });
    await google.sender.close();
  });

  it.each([
    [refused(400, "INVALID_ARGUMENT", "The registration token is not a valid FCM registration token"), "suppress"],
    [refused(400, "INVALID_ARGUMENT", "Invalid value at 'message.data[0].value'"), "give_up"],
    [refused(403, "SENDER_ID_MISMATCH", "SenderId mismatch"), "suppress"],
    [refused(401, "THIRD_PARTY_AUTH_ERROR", "Auth error from APNS or Web Push Service"), "bad_credential"],
    [refused(429, "QUOTA_EXCEEDED", "Quota exceeded"), "retry"],
    [refused(500, "INTERNAL", "Internal error encountered."), "unknown"],
  ] as const)("takes %o as %s", async (reply, kind) => {
    await using google = await startGoogle(() => reply);
    expect(await google.sender.send([outgoing("push", "token-1")], inTime())).toMatchObject([{ kind }]);
    await google.sender.close();
  });

  it("checks a credential without sending anything, and says when it is refused", async () => {
    await using google = await startGoogle(() => accepted);
    expect(await google.sender.check(inTime())).toEqual({ ok: true });
    expect(google.sent).toMatchObject([{ validate_only: true }]);
    await google.sender.close();
    const fail = (message: string) => async (): Promise<string> => {
      throw new Error(message);
    };
    await using strict = await startGoogle(() => accepted, fail("invalid_grant: Invalid JWT Signature."));
    expect(await strict.sender.check(inTime())).toMatchObject({
      ok: false,
      reason: expect.stringContaining("invalid"),
    });
    expect(await strict.sender.send([outgoing("push", "t")], inTime())).toMatchObject([{ kind: "bad_credential" }]);
    await strict.sender.close();
    await using away = await startGoogle(() => accepted, fail("getaddrinfo ENOTFOUND oauth2.googleapis.com"));
    expect(await away.sender.send([outgoing("push", "t")], inTime())).toMatchObject([{ kind: "retry" }]);
    await away.sender.close();
    expect([...strict.sent, ...away.sent]).toEqual([]);
  });

  it("says that a key is none, and leaves nothing behind that fails when the time is over", async () => {
    const unhandled: unknown[] = [];
    const onUnhandled = (reason: unknown) => unhandled.push(reason);
    process.on("unhandledRejection", onUnhandled);
    const abort = new AbortController();
    const sender = fcmProvider().open({ ...credential, privateKey: "-----BEGIN PRIVATE KEY-----\nnone\n" });
    expect(await sender.send([outgoing("push", "t")], abort.signal)).toMatchObject([{ kind: "bad_credential" }]);
    abort.abort();
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", onUnhandled);
    expect(unhandled).toEqual([]);
    await expect(sender.close()).resolves.toBeUndefined();
  });
});
