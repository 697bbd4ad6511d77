import { describe, expect, it } from "vitest";
import { FORWARDED_HEADERS, proveForwarded, toForwardedText } from "../domain/access/forwarded-identity.ts";
import { JwksServer } from "../integrations/testing/jwks-server.ts";
import { startParts } from "../testing/parts.ts";
import { GrpcClient } from "./testing/grpc-client.ts";

const SECRET = "a-secret-of-at-least-32-characters";
const [TRIGGER, LIST, MARK] = ["InterventionService/Trigger", "InboxService/List", "InboxService/MarkRead"].map(
  (method) => `intervention.v1.${method}`,
) as [string, string, string];
const INTERVENTION = { idempotencyKey: "k", recipient: { userId: "ann" }, content: { title: "Hello" } };
/** grpc.Status numbers. */
const [OK, PERMISSION_DENIED, UNAUTHENTICATED] = [0, 7, 16];

async function startServer(settings: Record<string, string>) {
  const parts = await startParts({ ROLES: "api", ...settings });
  const { server } = await parts.container.get(parts.services.api);
  return {
    workspace: parts.workspace,
    async codeOf(method: string, request: object, headers: Record<string, string>): Promise<number> {
      using client = new GrpcClient(`127.0.0.1:${server.port}`, headers);
      return (await client.call(method, request)).code;
    },
    [Symbol.asyncDispose]: () => parts[Symbol.asyncDispose](),
  };
}

describe("a token of an identity provider", () => {
  it("lets a service do what its scopes and the settings both allow, and a user into his inbox", async () => {
    await using provider = await JwksServer.start();
    await provider.addKey("one");
    await using api = await startServer({
      ...{ JWT_ISSUER: "https://id.example", JWT_AUDIENCE: "engine", JWKS_URL: provider.url },
      JWT_SERVICE_ROLES: "sender,analyst",
    });
    const bearer = async (claims: object) => {
      const all = { iss: "https://id.example", aud: "engine", workspace: api.workspace, sub: "ann", ...claims };
      return { authorization: `Bearer ${await provider.token(all, { kid: "one", expires: "1h" })}` };
    };
    expect(await api.codeOf(TRIGGER, INTERVENTION, await bearer({ scope: "intervention.sender" }))).toBe(OK);
    expect(await api.codeOf(TRIGGER, INTERVENTION, await bearer({ scope: "intervention.analyst" }))).toBe(
      PERMISSION_DENIED,
    );
    expect(await api.codeOf(TRIGGER, INTERVENTION, await bearer({ scope: "intervention.owner" }))).toBe(
      UNAUTHENTICATED,
    );
    expect(await api.codeOf(TRIGGER, INTERVENTION, await bearer({}))).toBe(PERMISSION_DENIED);
    expect(await api.codeOf(LIST, {}, await bearer({}))).toBe(OK);
    expect(await api.codeOf(LIST, { userId: "bob" }, await bearer({}))).toBe(PERMISSION_DENIED);
    expect(await api.codeOf(LIST, {}, await bearer({ workspace: "other" }))).toBe(UNAUTHENTICATED);
  });
});

describe("what an API gateway forwards", () => {
  it("is believed by its proof for this very method, and refused otherwise, whatever credential comes with it", async () => {
    await using api = await startServer({ GATEWAY_SHARED_SECRETS: `${SECRET},another-secret-of-32-characters!!` });
    const forward = (method: string, more: Record<string, string> = {}, secret = SECRET) => {
      const headers: Record<string, string> = {
        [FORWARDED_HEADERS.workspace]: api.workspace,
        [FORWARDED_HEADERS.user]: "ann",
        [FORWARDED_HEADERS.timestamp]: String(Math.floor(Date.now() / 1_000)),
        ...more,
      };
      const text = toForwardedText(`/${method}`, (name) => headers[name] ?? "");
      return { ...headers, [FORWARDED_HEADERS.proof]: proveForwarded(text, secret) };
    };
    const sender = { [FORWARDED_HEADERS.scopes]: "intervention.sender" };
    expect(await api.codeOf(LIST, {}, forward(LIST))).toBe(OK);
    expect(await api.codeOf(LIST, {}, forward(LIST, {}, "another-secret-of-32-characters!!"))).toBe(OK);
    expect(await api.codeOf(TRIGGER, INTERVENTION, forward(TRIGGER, sender))).toBe(OK);
    expect(await api.codeOf(TRIGGER, INTERVENTION, forward(TRIGGER))).toBe(PERMISSION_DENIED);
    expect(await api.codeOf(MARK, {}, forward(LIST))).toBe(UNAUTHENTICATED);
    expect(await api.codeOf(TRIGGER, INTERVENTION, { ...forward(TRIGGER), ...sender })).toBe(UNAUTHENTICATED);
    expect(await api.codeOf(LIST, {}, forward(LIST, {}, "one-that-nobody-shares-with-anyone"))).toBe(UNAUTHENTICATED);
    expect(await api.codeOf(LIST, {}, forward(LIST, { [FORWARDED_HEADERS.workspace]: "other" }))).toBe(UNAUTHENTICATED);
  });
});
