import { createRemoteJWKSet, jwtVerify } from "jose";
import pino from "pino";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { z } from "zod";
import { IdentityProviders } from "../../../src/integrations/identity-providers.ts";
import { until } from "../../../src/testing/until.ts";
import { type SandboxIdentityProvider, startIdentityProvider } from "./start-identity-provider.ts";

let provider: SandboxIdentityProvider;
let engine: IdentityProviders;
beforeAll(async () => {
  provider = await startIdentityProvider();
  engine = new IdentityProviders({
    ...{ refreshMs: 3_600_000, staleMsMax: 3_600_000, cooldownMs: 0, allowPrivate: true },
    log: pino({ level: "silent" }),
  });
  await engine.trust([
    {
      ...{ issuer: provider.issuer, audience: provider.audience, jwksUrl: provider.jwksUrl, clockSkewS: 0 },
      ...{ algorithms: ["RS256", "ES256"], serviceRoles: ["sender", "analyst"], workspaceId: "main" },
    },
  ]);
});
afterAll(async () => {
  engine.stop();
  await provider.stop();
});

const SERVICE = { grant_type: "client_credentials", client_id: "shop-backend", client_secret: "sandbox" };
async function ask(form: Record<string, string>): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${provider.url}/token`, { method: "POST", body: new URLSearchParams(form) });
  return { status: response.status, body: z.record(z.string(), z.unknown()).parse(await response.json()) };
}
const tokenFor = async (form: Record<string, string>) => z.string().parse((await ask(form)).body.access_token);
async function rotate(body: object): Promise<void> {
  const response = await fetch(`${provider.url}/rotate`, { method: "POST", body: JSON.stringify(body) });
  expect(response.status).toBe(200);
}

describe("a token of the sandbox's identity provider", () => {
  it("is a shopper's, whom the engine believes", async () => {
    const token = await tokenFor({ grant_type: "password", username: "ada" });
    expect(engine.verify(token)).toMatchObject({ subject: "ada", workspaceId: "main", roles: [] });
  });

  it("is a service's with the scopes it asked for, which the engine takes as roles", async () => {
    const token = await tokenFor({ ...SERVICE, scope: "intervention.sender" });
    expect(engine.verify(token)).toMatchObject({ subject: "shop-backend", roles: ["sender"] });
  });

  it("is verified by jose too, with what the discovery document says", async () => {
    const discovered = await (await fetch(`${provider.url}/.well-known/openid-configuration`)).json();
    const { issuer, jwks_uri: uri } = z.object({ issuer: z.string(), jwks_uri: z.string() }).parse(discovered);
    const token = await tokenFor({ grant_type: "password", username: "ada", workspace: "main" });
    const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(uri)), {
      issuer,
      audience: provider.audience,
    });
    expect(payload).toMatchObject({ sub: "ada", workspace: "main" });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(3_600);
  });

  test.each([
    { what: "for a wrong secret", form: { ...SERVICE, client_secret: "guess" }, status: 401, error: "invalid_client" },
    { what: "for an unknown client", form: { ...SERVICE, client_id: "x" }, status: 401, error: "invalid_client" },
    { what: "with a foreign scope", form: { ...SERVICE, scope: "admin" }, status: 400, error: "invalid_scope" },
    { what: "for no shopper", form: { grant_type: "password" }, status: 400, error: "invalid_request" },
    {
      what: "for a shopper with scopes",
      form: { grant_type: "password", username: "ada", scope: "intervention.owner" },
      status: 400,
      error: "invalid_scope",
    },
    { what: "by another grant", form: { grant_type: "implicit" }, status: 400, error: "unsupported_grant_type" },
    { what: "by no grant", form: {}, status: 400, error: "invalid_request" },
  ])("is not given $what", async ({ form, status, error }) => {
    expect(await ask(form)).toMatchObject({ status, body: { error } });
  });
});

describe("the keys of the sandbox's identity provider", () => {
  test.each(["RS256", "ES256"] as const)("rotate to one of %s, and the tokens of the key before go on", async (alg) => {
    const old = await tokenFor({ grant_type: "password", username: "ada" });
    await until(() => engine.verify(old), "the key in use known");
    await rotate({ alg });
    const token = await tokenFor({ grant_type: "password", username: "ada" });
    await until(() => engine.verify(token), "the new key known");
    expect(engine.verify(old)).toBeDefined();
  });

  it("can be withdrawn at once, which ends their tokens at the engine's next reading", async () => {
    const stolen = await tokenFor({ grant_type: "password", username: "ada" });
    await until(() => engine.verify(stolen), "the key in use known");
    await rotate({ withdraw: true });
    const token = await tokenFor({ grant_type: "password", username: "ada" });
    await until(() => engine.verify(token), "the new key known");
    expect(engine.verify(stolen)).toBeUndefined();
  });

  it("rotate to no algorithm that is not asymmetric", async () => {
    const response = await fetch(`${provider.url}/rotate`, { method: "POST", body: '{"alg": "HS256"}' });
    expect(response.status).toBe(400);
  });
});
