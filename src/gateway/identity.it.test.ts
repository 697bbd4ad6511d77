import { describe, expect, it } from "vitest";
import { FORWARDED_HEADERS, proveForwarded, toForwardedText } from "../domain/access/forwarded-identity.ts";
import { JwksServer } from "../integrations/testing/jwks-server.ts";
import { until } from "../testing/until.ts";
import { startEngine, WORKSPACE } from "./testing/gateway-fixture.ts";
import { TestClient } from "./testing/test-client.ts";

const SECRET = "a-secret-of-at-least-32-characters";

function forward(path: string, user: string, secret = SECRET): Record<string, string> {
  const headers: Record<string, string> = {
    [FORWARDED_HEADERS.workspace]: WORKSPACE,
    [FORWARDED_HEADERS.user]: user,
    [FORWARDED_HEADERS.timestamp]: String(Math.floor(Date.now() / 1_000)),
  };
  return {
    ...headers,
    [FORWARDED_HEADERS.proof]: proveForwarded(
      toForwardedText(path, (name) => headers[name] ?? ""),
      secret,
    ),
  };
}

async function refusedWith(client: TestClient): Promise<number | undefined> {
  await expect(client.opened).rejects.toThrow();
  return client.refusedStatus;
}

describe("a user of an identity provider", () => {
  it("has a socket by its token, and none by one for another audience or by one that calls itself a service", async () => {
    await using provider = await JwksServer.start();
    await provider.addKey("one");
    const claims = { iss: "https://id.example", aud: "engine", workspace: WORKSPACE };
    await using engine = await startEngine({
      ...{ JWT_ISSUER: claims.iss, JWT_AUDIENCE: claims.aud, JWKS_URL: provider.url, JWT_SERVICE_ROLES: "sender" },
    });
    const token = (more: object) => provider.token({ ...claims, sub: "ann", ...more }, { kid: "one", expires: "1h" });
    const client = new TestClient(engine, { token: await token({}) });
    await client.opened;
    client.send({ hello: { client: "test/1" } });
    await client.next("welcome");
    await engine.sendIntervention("ann", "iv1");
    expect(await client.next("intervention")).toMatchObject({ interventionId: "iv1" });
    for (const other of [{ aud: "another" }, { scope: "intervention.sender" }, { workspace: "other" }])
      expect(await refusedWith(new TestClient(engine, { token: await token(other) }))).toBe(401);
  });

  it("whose workspace names the provider has a socket too, from the next look on", async () => {
    await using provider = await JwksServer.start();
    await provider.addKey("one", "ES256");
    await using engine = await startEngine({ ALLOW_HTTP_JWKS: "true" });
    await engine.parts.store.workspaces.updateOne(
      { _id: WORKSPACE },
      {
        $set: {
          identityProvider: {
            ...{ issuer: "https://id.example", audience: "engine", jwksUrl: provider.url, algorithms: ["ES256"] },
            ...{ clockSkewS: 0, serviceRoles: [] },
          },
        },
      },
    );
    const claims = { iss: "https://id.example", aud: "engine", sub: "ann" };
    const token = await provider.token(claims, { kid: "one", expires: "1h" });
    await until(() => engine.parts.access.findUser(token), "the provider to be trusted");
    await new TestClient(engine, { token }).opened;
  });
});

describe("a user whom an API gateway forwards", () => {
  const settings = { GATEWAY_SHARED_SECRETS: SECRET };

  it("has a socket by the gateway's proof, and none by another's or by that of another path", async () => {
    await using engine = await startEngine(settings);
    await new TestClient(engine, { headers: forward("/v1/socket", "ann") }).opened;
    for (const headers of [
      forward("/v1/socket", "ann", "another-secret-of-32-characters!!"),
      forward("/v1/events", "ann"),
      { ...forward("/v1/socket", "ann"), [FORWARDED_HEADERS.user]: "eve" },
    ])
      expect(await refusedWith(new TestClient(engine, { headers }))).toBe(401);
  });

  it("is refused without the proof even with a good token", async () => {
    await using engine = await startEngine(settings);
    const headers = { [FORWARDED_HEADERS.user]: "eve" };
    expect(await refusedWith(new TestClient(engine, { token: engine.token("ann"), headers }))).toBe(401);
  });

  it("is nobody where no secret is shared: the headers mean nothing", async () => {
    await using engine = await startEngine();
    const headers = forward("/v1/socket", "eve");
    expect(await refusedWith(new TestClient(engine, { headers }))).toBe(401);
    await new TestClient(engine, { token: engine.token("ann"), headers }).opened;
  });

  it("has an event stream and reports by the same proof", async () => {
    await using engine = await startEngine(settings);
    const status = async (path: string, init: RequestInit) => {
      const gone = new AbortController();
      const { status } = await fetch(`${engine.url}${path}`, { ...init, signal: gone.signal });
      gone.abort();
      return status;
    };
    expect(await status("/v1/events", { headers: forward("/v1/events", "ann") })).toBe(200);
    expect(await status("/v1/events", { headers: forward("/v1/track", "ann") })).toBe(401);
    const post = { method: "POST", body: JSON.stringify({ events: [] }) };
    expect(await status("/v1/track", { ...post, headers: forward("/v1/track", "ann") })).not.toBe(401);
    expect(await status("/v1/track", { ...post, headers: forward("/v1/events", "ann") })).toBe(401);
  });
});
