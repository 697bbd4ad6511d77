import { createECDH, createPublicKey, randomBytes } from "node:crypto";
import ece from "http_ece";
import jwt from "jsonwebtoken";
import { describe, expect, it } from "vitest";
import { startAnswering } from "../testing/answering-server.ts";
import { inTime, outgoing } from "../testing/outgoing.ts";
import { webPushProvider } from "./webpush.ts";

function newPair() {
  const pair = createECDH("prime256v1");
  pair.generateKeys();
  return { pair, publicKey: pair.getPublicKey("base64url"), privateKey: pair.getPrivateKey("base64url") };
}
const vapid = newPair();
const credential = { subject: "mailto:ops@shop.example", publicKey: vapid.publicKey, privateKey: vapid.privateKey };
const provider = webPushProvider({ allowPrivate: true });

/** A browser, as far as it subscribes. */
function newBrowser(endpoint: string) {
  const { pair, publicKey } = newPair();
  const auth = randomBytes(16).toString("base64url");
  return { pair, auth, address: JSON.stringify({ endpoint, expirationTime: null, keys: { p256dh: publicKey, auth } }) };
}

describe("webpush", () => {
  it("sends what an independent library decrypts, with a VAPID token that another verifies", async () => {
    await using server = await startAnswering(() => ({ status: 201 }));
    const browser = newBrowser(`${server.url}/push/1`);
    const sender = provider.open(credential);
    const message = { ...outgoing("push", browser.address), expireTime: new Date(Date.now() + 60_000) };
    expect(await sender.send([message], inTime())).toMatchObject([{ kind: "sent" }]);
    await sender.close();
    const [asked] = server.asked;
    expect(asked?.headers).toMatchObject({ "content-encoding": "aes128gcm", ttl: expect.stringMatching(/^(59|60)$/) });
    const plain = ece.decrypt(asked?.body ?? Buffer.alloc(0), {
      version: "aes128gcm",
      privateKey: browser.pair,
      authSecret: browser.auth,
    });
    expect(JSON.parse(plain.toString())).toMatchObject({
      ...{ id: "iv1:push", title: "Still there?", body: "Your cart is saved.", url: "https://shop.example/cart" },
      data: { intervention_id: "iv1" },
    });
    const [, token = "", key = ""] = /^vapid t=([^,]+), k=(.+)$/.exec(String(asked?.headers.authorization)) ?? [];
    expect(key).toBe(credential.publicKey);
    const point = Buffer.from(key, "base64url");
    const jwk = {
      kty: "EC",
      crv: "P-256",
      x: point.subarray(1, 33).toString("base64url"),
      y: point.subarray(33).toString("base64url"),
    };
    const pem = createPublicKey({ key: jwk, format: "jwk" }).export({ type: "spki", format: "pem" });
    expect(jwt.verify(token, pem, { algorithms: ["ES256"], audience: server.url })).toMatchObject({
      sub: credential.subject,
    });
  });

  it.each([
    [{ status: 404 }, { kind: "suppress" }],
    [{ status: 410 }, { kind: "suppress" }],
    [{ status: 401 }, { kind: "bad_credential" }],
    [{ status: 403 }, { kind: "bad_credential" }],
    [{ status: 413 }, { kind: "give_up" }],
    [
      { status: 429, headers: { "retry-after": "5" } },
      { kind: "retry", retryAfterMs: 5_000 },
    ],
    [{ status: 500 }, { kind: "unknown" }],
    [{ status: 503 }, { kind: "retry" }],
  ] as const)("takes an answer %o as %o", async (reply, result) => {
    await using server = await startAnswering(() => reply);
    const sender = provider.open(credential);
    expect(await sender.send([outgoing("push", newBrowser(server.url).address)], inTime())).toMatchObject([result]);
    await sender.close();
  });

  it("drops addresses that are no subscriptions or lead into a network of ours, and messages that are too big", async () => {
    const sender = webPushProvider({ allowPrivate: false }).open(credential);
    const inside = newBrowser("https://10.0.0.1/push").address;
    for (const address of ["not JSON", "{}", inside, newBrowser("http://push.example/").address])
      expect(await sender.send([outgoing("push", address)], inTime())).toMatchObject([{ kind: "suppress" }]);
    const big = { content: { body: "x".repeat(4_000) } };
    const [result] = await sender.send([outgoing("push", newBrowser("https://push.example/").address, big)], inTime());
    expect(result).toMatchObject({ kind: "give_up" });
    await sender.close();
  });

  it("checks that the keys are a pair", async () => {
    expect(await provider.open(credential).check(inTime())).toEqual({ ok: true });
    expect(await provider.open({ ...credential, publicKey: newPair().publicKey }).check(inTime())).toMatchObject({
      ok: false,
    });
    expect(provider.credential.safeParse({ ...credential, publicKey: "AAAA" }).success).toBe(false);
  });
});
