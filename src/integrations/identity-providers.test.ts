import { createHmac } from "node:crypto";
import { SignJWT, UnsecuredJWT } from "jose";
import pino from "pino";
import { describe, expect, it, test } from "vitest";
import { createMetrics } from "../observe/index.ts";
import { until } from "../testing/until.ts";
import { IdentityProviders, type TrustedProvider } from "./identity-providers.ts";
import { JwksServer } from "./testing/jwks-server.ts";

const ISSUER = "https://id.shop.example";
const CLAIMS = { iss: ISSUER, aud: "engine", sub: "ada" };
const seconds = (fromNow: number) => Math.floor(Date.now() / 1_000) + fromNow;

/** Providers that trust one with an RSA and an EC key. */
async function start(
  provider: Partial<TrustedProvider> = {},
  jwks: { refreshMs?: number; staleMsMax?: number; cooldownMs?: number; allowPrivate?: boolean } = {},
) {
  const server = await JwksServer.start();
  await server.addKey("rsa");
  await server.addKey("ec", "ES256");
  const metrics = createMetrics();
  const providers = new IdentityProviders({
    ...{ refreshMs: 3_600_000, staleMsMax: 3_600_000, cooldownMs: 0, allowPrivate: true, ...jwks },
    metrics,
    log: pino({ level: "silent" }),
  });
  const trusted: TrustedProvider = {
    ...{ issuer: ISSUER, audience: "engine", jwksUrl: server.url, algorithms: ["RS256", "ES256"], clockSkewS: 30 },
    ...{ serviceRoles: ["sender"], workspaceId: "main", ...provider },
  };
  await providers.trust([trusted]);
  return {
    server,
    providers,
    trusted,
    /** How often reading the keys came to what. */
    reads: async () => {
      const { values } = await metrics.jwksReads.get();
      return Object.fromEntries(values.map(({ labels, value }) => [String(labels.result), value]));
    },
    token: (more: object = {}, options: object = {}) =>
      server.token({ ...CLAIMS, ...more }, { kid: "rsa", expires: "1h", ...options }),
    async [Symbol.asyncDispose]() {
      providers.stop();
      await server[Symbol.asyncDispose]();
    },
  };
}

describe("a token of an identity provider", () => {
  test.each(["rsa", "ec"])("signed with its %s key names its user", async (kid) => {
    await using t = await start();
    expect(t.providers.verify(await t.token({}, { kid }))).toMatchObject({
      workspaceId: "main",
      subject: "ada",
      roles: [],
    });
  });

  test.each([
    { what: "of another issuer", claims: { iss: "https://evil.example" } },
    { what: "of no issuer", claims: { iss: undefined } },
    { what: "for another audience", claims: { aud: "another" } },
    { what: "for nobody", claims: { aud: undefined } },
    { what: "without a subject", claims: { sub: undefined } },
    { what: "of an empty subject", claims: { sub: "" } },
    { what: "that ended before the skew", options: { expires: seconds(-40) } },
    { what: "that never ends", options: { expires: undefined } },
    { what: "that is not in force yet", options: { notBefore: "2m" } },
    { what: "with a critical header", options: { crit: true } },
    { what: "claiming a role that the provider may not give", claims: { scope: "intervention.owner" } },
  ])("$what is refused", async ({ claims = {}, options = {} }) => {
    await using t = await start();
    expect(t.providers.verify(await t.token(claims, options))).toBeUndefined();
  });

  test.each([
    { what: "ended within the skew", options: { expires: seconds(-20) } },
    { what: "begins within the skew", options: { notBefore: "20s" } },
    { what: "is for us among others", claims: { aud: ["another", "engine"] } },
  ])("that $what is taken", async ({ claims = {}, options = {} }) => {
    await using t = await start();
    expect(t.providers.verify(await t.token(claims, options))?.subject).toBe("ada");
  });

  test.each([
    { what: "a scope", claims: { scope: "openid intervention.sender" } },
    { what: "a list of scopes", claims: { scp: ["intervention.sender", "intervention.owner"] } },
  ])("has by $what those of its roles that the provider may give", async ({ claims }) => {
    await using t = await start();
    expect(t.providers.verify(await t.token(claims))?.roles).toEqual(["sender"]);
  });

  it("without a signature (alg none) is refused", async () => {
    await using t = await start({ algorithms: ["none", "RS256"] });
    const token = new UnsecuredJWT(CLAIMS).setExpirationTime("1h").encode();
    expect(t.providers.verify(token)).toBeUndefined();
    const [, payload] = (await t.token()).split(".");
    const header = Buffer.from(JSON.stringify({ alg: "none", kid: "rsa" })).toString("base64url");
    expect(t.providers.verify(`${header}.${payload}.`)).toBeUndefined();
  });

  it("signed by HMAC with the public key as the secret is refused, even if somebody lists HS256", async () => {
    await using t = await start({ algorithms: ["HS256", "RS256"] });
    const secret = await t.server.publicKey("rsa");
    const [, payload] = (await t.token()).split(".");
    const header = Buffer.from(JSON.stringify({ alg: "HS256", kid: "rsa" })).toString("base64url");
    const signature = createHmac("sha256", secret).update(`${header}.${payload}`).digest("base64url");
    expect(t.providers.verify(`${header}.${payload}.${signature}`)).toBeUndefined();
  });

  it("is refused when a byte of it is another one", async () => {
    await using t = await start();
    const [header, payload = "", signature] = (await t.token()).split(".");
    const claims = { ...JSON.parse(Buffer.from(payload, "base64url").toString()), sub: "eve" };
    const forged = Buffer.from(JSON.stringify(claims)).toString("base64url");
    expect(t.providers.verify(`${header}.${forged}.${signature}`)).toBeUndefined();
  });

  it("of an algorithm that the provider's settings leave out is refused", async () => {
    await using t = await start({ algorithms: ["ES256"] });
    expect(t.providers.verify(await t.token())).toBeUndefined();
  });

  it.each(["", "x", "a.b.c", "eyJhbGciOiJIUzI1NiJ9.bm8.c2ln", "iek_abc"])(
    "%j is none, and no failure",
    async (text) => {
      await using t = await start();
      expect(t.providers.verify(text)).toBeUndefined();
    },
  );

  it("says by a claim which workspace it is for, where the provider is shared", async () => {
    await using t = await start({ workspaceClaim: "shop", workspaceId: undefined });
    expect(t.providers.verify(await t.token({ shop: "main" }))?.workspaceId).toBe("main");
    expect(t.providers.verify(await t.token())).toBeUndefined();
    expect(t.providers.verify(await t.token({ shop: 7 }))).toBeUndefined();
  });

  it("of another workspace's claim is refused", async () => {
    await using t = await start({ workspaceClaim: "shop" });
    expect(t.providers.verify(await t.token({ shop: "other" }))).toBeUndefined();
  });

  it("that two workspaces would have as theirs is nobody's", async () => {
    await using t = await start();
    const token = await t.token();
    await t.providers.trust([t.trusted, { ...t.trusted, workspaceId: "other" }]);
    expect(t.providers.verify(token)).toBeUndefined();
  });

  it("is refused from the moment its provider is not trusted any more", async () => {
    await using t = await start();
    const token = await t.token();
    expect(t.providers.verify(token)).toBeDefined();
    await t.providers.trust([]);
    expect(t.providers.verify(token)).toBeUndefined();
  });
});

describe("the keys of an identity provider", () => {
  it("are read again when a token names a new one, without a restart", async () => {
    await using t = await start();
    await t.server.addKey("next");
    const token = await t.token({}, { kid: "next" });
    await until(() => t.providers.verify(token), "the new key to be known");
  });

  it("are not read for every unknown name, only so often", async () => {
    await using t = await start({}, { cooldownMs: 3_600_000 });
    const { asked } = t.server;
    const key = new Uint8Array(32);
    for (let i = 0; i < 50; i += 1) {
      const jwt = new SignJWT(CLAIMS).setProtectedHeader({ alg: "HS256", kid: `k${i}` });
      const [, payload, signature] = (await jwt.sign(key)).split(".");
      const header = Buffer.from(JSON.stringify({ alg: "RS256", kid: `k${i}` })).toString("base64url");
      expect(t.providers.verify(`${header}.${payload}.${signature}`)).toBeUndefined();
    }
    expect(t.server.asked).toBe(asked);
  });

  it("end when the provider takes them back", async () => {
    await using t = await start({}, { refreshMs: 50 });
    const token = await t.token();
    expect(t.providers.verify(token)).toBeDefined();
    t.server.removeKey("rsa");
    await until(() => t.providers.verify(token) === undefined, "the key to be gone");
  });

  test.each([
    { what: "refuses", result: "refused" },
    { what: "redirects to where nobody has approved", result: "refused" },
    { what: "answers garbage", result: "garbage" },
    { what: "is not there", result: "unreachable" },
  ])("stay in force while it $what, and that is counted", async ({ what, result }) => {
    await using t = await start({}, { refreshMs: 20 });
    const token = await t.token();
    if (what === "refuses") t.server.status = 503;
    else if (what.startsWith("redirects")) t.server.status = 302;
    else if (what === "answers garbage") t.server.isGarbage = true;
    else await t.server.stop();
    const reads = await until(async () => {
      const counts = await t.reads();
      return (counts[result] ?? 0) > 3 && counts;
    }, "it to be asked some times");
    expect(reads).toEqual({ read: expect.any(Number), [result]: expect.any(Number) });
    expect(t.providers.verify(token)).toBeDefined();
  });

  it("do not stay in force for ever while it is down, and are back with it", async () => {
    await using t = await start({}, { refreshMs: 20, staleMsMax: 150 });
    const token = await t.token();
    t.server.status = 503;
    await until(() => t.providers.verify(token) === undefined, "the keys to be too old");
    t.server.status = 200;
    await until(() => t.providers.verify(token), "the provider to be back");
  });
});

describe("an identity provider within a private network", () => {
  const urls = ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "0x7f000001", "localhost"];

  it.each(urls)("that a workspace names, at %s, is never connected to", async (host) => {
    await using t = await start({ jwksUrl: "https://127.0.0.1:9/" }, { allowPrivate: false });
    const { port } = new URL(t.server.url);
    await t.providers.trust([{ ...t.trusted, jwksUrl: `http://${host}:${port}/jwks` }]);
    expect(await t.reads()).toEqual({ private: 2 });
    expect(t.server.asked).toBe(0);
    expect(t.providers.verify(await t.token())).toBeUndefined();
  });

  it("that the settings name is asked, which does not let a workspace in that names the same address", async () => {
    await using t = await start({ workspaceClaim: "shop", workspaceId: undefined }, { allowPrivate: false });
    const token = await t.token({ shop: "main" });
    expect(t.providers.verify(token)?.workspaceId).toBe("main");
    const { workspaceClaim: _, ...trusted } = t.trusted;
    const other = { ...trusted, issuer: "https://other.example", workspaceId: "main" };
    await t.providers.trust([t.trusted, other]);
    expect(t.providers.verify(await t.token({ iss: other.issuer }))).toBeUndefined();
    expect(t.providers.verify(token)?.workspaceId).toBe("main");
  });
});
