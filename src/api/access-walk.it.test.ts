import type { DescMethod } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebhookService } from "../../gen/intervention/v1/webhook_service_pb.js";
import { bury } from "../bus/index.ts";
import { permissionsOf, ROLES, type Role } from "../domain/access/permissions.ts";
import { newApiKey } from "../integrations/create-workspace.ts";
import { bearer } from "../testing/bearer.ts";
import { findAccessRule, toMethodName } from "./access-rules.ts";
import { API_SERVICES } from "./api-routes.ts";
import { callMethod } from "./testing/call-method.ts";
import { startFixture } from "./testing/intervention-fixture.ts";

const METHODS = API_SERVICES.flatMap(({ methods }) => methods);
const cases = METHODS.map((method) => ({ name: `${method.parent.name}/${method.name}`, method }));
const REFUSED = ["Unauthenticated", "PermissionDenied"];

let fixture: Awaited<ReturnType<typeof startFixture>>;
let transport: ReturnType<typeof createGrpcTransport>;
let interventionId: string;
let endpointId: string;
const keys = new Map<string, string>();

beforeAll(async () => {
  fixture = await startFixture();
  transport = createGrpcTransport({ baseUrl: fixture.url });
  interventionId = await fixture.accept();
  endpointId = await insertEndpoint();
  const add = async (name: string, more: object) => {
    const { apiKey, prefix, hash } = newApiKey();
    const key = { _id: prefix, workspaceId: "main", createdAt: new Date(), secrets: [{ hash }] };
    await fixture.store.apiKeys.insertOne({ ...key, ...more });
    keys.set(name, apiKey);
  };
  for (const role of ROLES) await add(role, { roles: [role] });
  await add("expired", { roles: ["owner"], expiresAt: new Date(0) });
  await add("revoked", { roles: ["owner"], revokedAt: new Date(0) });
  keys.set("unknown", newApiKey().apiKey);
  await fixture.access.refresh();
  await bury(fixture.bus, {
    ...{ stream: "TRACKING", subject: fixture.bus.subjects.track("main", "displayed"), sequence: 1, attempts: 1 },
    ...{ data: new Uint8Array(), headers: undefined, reason: "failed", error: "for the walk" },
  });
});
/** An endpoint of the workspace "main". */
async function insertEndpoint(): Promise<string> {
  const client = createClient(
    WebhookService,
    createGrpcTransport({
      baseUrl: fixture.url,
      interceptors: [bearer(fixture.apiKey)],
    }),
  );
  const { endpoint } = await client.createEndpoint({ url: "https://example.com/hook" });
  if (endpoint === undefined) throw new Error("no endpoint was made");
  return endpoint.endpointId;
}

// The client keeps its connection: the server has to stop all the same.
afterAll(() => fixture[Symbol.asyncDispose]());

const call = (method: DescMethod, key: string, request = {}) =>
  callMethod(transport, method, request, { authorization: `Bearer ${key}` });

describe("every method", () => {
  test.each(cases)("$name refuses who shows nothing", async ({ method }) => {
    expect(await callMethod(transport, method, {}, {})).toBe("Unauthenticated");
  });

  test.each(
    cases.flatMap(({ name, method }) => ["unknown", "expired", "revoked"].map((key) => ({ name, method, key }))),
  )("$name refuses a key that is $key", async ({ method, key }) => {
    expect(await call(method, keys.get(key) ?? "")).toBe("Unauthenticated");
  });

  test.each(
    cases.flatMap(({ name, method }) => ROLES.map((role) => ({ name, method, role, verdict: verdict(method, role) }))),
  )("$name is $verdict to the role $role", async ({ method, role, verdict }) => {
    const outcome = await call(method, keys.get(role) ?? "");
    if (verdict === "refused") expect(outcome).toBe("PermissionDenied");
    else expect(REFUSED).not.toContain(outcome);
  });

  test.each(cases)("$name is open to a user's token only if it is made for users", async ({ method }) => {
    const token = fixture.access.mintUserToken({ workspaceId: "main", userId: "u", ttlMs: 60_000 })?.token ?? "";
    const outcome = await call(method, token);
    if (findAccessRule(method)?.for === "service") expect(outcome).toBe("PermissionDenied");
    else expect(REFUSED).not.toContain(outcome);
  });
});

/** By the rule's permissions; which role has which is a table of its own. */
function verdict(method: DescMethod, role: Role): "open" | "refused" {
  const rule = findAccessRule(method);
  if (rule === undefined || rule.for === "anybody") throw new Error(`${toMethodName(method)} has no rule`);
  return rule.permissions.some((permission) => permissionsOf([role]).has(permission)) ? "open" : "refused";
}

describe("a key of another workspace", () => {
  /** How a request names a thing of the workspace "main". A method whose request has such a field and that is not here fails. */
  const foreign = (method: DescMethod): object | undefined => {
    const has = (field: string) => method.input.fields.some(({ name }) => name === field);
    if (has("parent")) return { parent: "workspaces/main" };
    // A cursor beside it, where one is asked for; others ignore it.
    if (has("endpoint_id")) return { endpointId, cursor: { case: "sequence", value: 1n } };
    if (has("sequence")) return { sequence: 1n };
    if (method.name === "GetWorkspace") return { name: "workspaces/main" };
    if (method.name === "UpdateWorkspace") return { workspace: { name: "workspaces/main" } };
    if (has("name") && method.name.endsWith("ApiKey"))
      return { name: `workspaces/main/apiKeys/${(keys.get("sender") ?? "").split("_")[1]}` };
    if (has("name") && method.parent.name === "InterventionService")
      return { name: `workspaces/main/interventions/${interventionId}` };
    if (has("name") && method.parent.name === "CampaignService") return { name: "workspaces/main/campaigns/spring" };
    if (has("name") && method.parent.name === "SegmentService")
      return { name: "workspaces/main/segments/vips", userId: "ada", userIds: ["ada"] };
    if (has("name") && method.parent.name === "ExperimentService")
      return {
        name: "workspaces/main/experiments/colours",
        conclusion: { decision: { case: "shipNone", value: true } },
      };
    if (has("name") && method.parent.name === "PlacementService")
      return { name: "workspaces/main/placementOffers/hero" };
    if (has("name") && method.parent.name === "TemplateService") return { name: "workspaces/main/templates/hello" };
    if (has("name") && method.parent.name === "DeliveryService") return { name: interventionId };
    if (has("delivery_id")) return { deliveryId: `${interventionId}:email` };
    if (has("account_id")) return { accountId: "pa_walk", account: { from: "a@example.com" } };
    if (has("name")) throw new Error(`say how ${toMethodName(method)} names a thing of another workspace`);
    return undefined;
  };

  test.each(cases)("$name does not find what is not its own, and changes nothing", async ({ method }) => {
    const { store, otherApiKey } = fixture;
    const request = foreign(method);
    if (request === undefined) return;
    const snapshot = async () =>
      JSON.stringify(
        await Promise.all(
          [store.workspaces, store.apiKeys, store.interventions, store.audit, store.webhookEndpoints].map(
            (collection) => collection.find({ $or: [{ workspaceId: "main" }, { _id: "main" }] }).toArray(),
          ),
        ),
      );
    const before = await snapshot();
    expect(await call(method, otherApiKey, request)).toBe(
      method.name === "CreateWorkspace" ? "PermissionDenied" : "NotFound",
    );
    expect(await snapshot()).toBe(before);
  });
});
