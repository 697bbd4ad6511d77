import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { AccessChanges } from "../integrations/access-changes.ts";
import { AccessDirectory, createWorkspace } from "../integrations/access-directory.ts";
import { insertAuditEntry, inTransaction } from "../store/index.ts";
import { until } from "../testing/until.ts";
import { toAuditEntry } from "./audit.ts";
import { type Answer, GrpcClient } from "./testing/grpc-client.ts";
import { startApi } from "./testing/start-api.ts";

const ADMIN = "intervention.v1.AdminService";
/** grpc.Status numbers. */
const [OK, INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED] = [0, 3, 5, 6, 7];
const [FAILED_PRECONDITION, ABORTED, UNAVAILABLE, UNAUTHENTICATED] = [9, 10, 14, 16];

let api: Awaited<ReturnType<typeof startApi>>;
let platform: GrpcClient;
const clients: GrpcClient[] = [];
const as = (key: string) => {
  const client = new GrpcClient(api.address, { authorization: `Bearer ${key}` });
  clients.push(client);
  return client;
};

beforeAll(async () => {
  api = await startApi();
  const { apiKey } = await createWorkspace(api.store, "home", undefined, { isPlatform: true });
  await api.access.refresh();
  platform = as(apiKey);
});
afterAll(async () => {
  for (const client of clients) client.close();
  await api[Symbol.asyncDispose]();
});

/** A workspace of its own, with its owner. */
async function newShop(id: string) {
  const { body } = await platform.call(`${ADMIN}/CreateWorkspace`, { workspaceId: id, displayName: "A shop" });
  const owner = as(String(body.secret));
  const call = (method: string, request: object = {}) => owner.call(`${ADMIN}/${method}`, request);
  return {
    body,
    call,
    newKey: async (roles: readonly string[] = ["ROLE_SENDER"], more: object = {}) => {
      const made = await call("CreateApiKey", { displayName: "a key", roles, ...more });
      expect(made.code).toBe(OK);
      return { name: String(record(made.body.apiKey).name), secret: String(made.body.secret) };
    },
    entries: async () => (await call("ListAuditEntries")).body.entries,
  };
}

const record = (value: unknown) => value as Record<string, unknown>;
const works = async (secret: string) =>
  (await as(secret).call("intervention.v1.SessionService/CreateToken", { userId: "u" })).code === OK;
const fields = ({ details }: Answer) => JSON.stringify(details);

describe("a workspace", () => {
  it("is made with a first owner's key, whose secret is told once", async () => {
    const shop = await newShop("made");
    expect(shop.body).toMatchObject({
      workspace: { name: "workspaces/made", displayName: "A shop" },
      apiKey: { roles: ["ROLE_OWNER"], isPlatform: false },
    });
    const listed = await shop.call("ListApiKeys");
    expect(listed.body.apiKeys).toHaveLength(1);
    expect(JSON.stringify(listed.body)).not.toContain(String(shop.body.secret).slice(-43));
  });

  it("can be made by the platform's key only, and once", async () => {
    const shop = await newShop("once");
    expect((await shop.call("CreateWorkspace", { workspaceId: "mine" })).code).toBe(PERMISSION_DENIED);
    expect((await platform.call(`${ADMIN}/CreateWorkspace`, { workspaceId: "once" })).code).toBe(ALREADY_EXISTS);
    const bad = await platform.call(`${ADMIN}/CreateWorkspace`, { workspaceId: "A b", defaultTimeZone: "Mars" });
    expect(bad.code).toBe(INVALID_ARGUMENT);
    for (const field of ["workspace_id", "default_time_zone"]) expect(fields(bad)).toContain(field);
  });

  it("sees itself; the platform's key sees all, page by page", async () => {
    const shop = await newShop("seen");
    expect((await shop.call("ListWorkspaces")).body.workspaces).toMatchObject([{ name: "workspaces/seen" }]);
    const names: unknown[] = [];
    let pageToken = "";
    do {
      const { body } = await platform.call(`${ADMIN}/ListWorkspaces`, { pageSize: 2, pageToken });
      names.push(...(body.workspaces as Record<string, unknown>[]).map(({ name }) => name));
      pageToken = String(body.nextPageToken);
    } while (pageToken !== "");
    expect(names).toEqual(expect.arrayContaining(["workspaces/seen", "workspaces/home", "workspaces/main"]));
    expect(new Set(names).size).toBe(names.length);
  });

  it("changes what the mask names, and nothing when the etag is an old one", async () => {
    const shop = await newShop("changed");
    const { etag } = record((await shop.call("GetWorkspace")).body.workspace);
    const update = (displayName: string) =>
      shop.call("UpdateWorkspace", {
        workspace: { etag, displayName, defaultTimeZone: "Europe/Paris" },
        updateMask: { paths: ["display_name"] },
      });
    expect((await update("New")).body.workspace).toMatchObject({ displayName: "New", defaultTimeZone: "" });
    expect((await update("Newer")).code).toBe(ABORTED);
    expect((await shop.call("GetWorkspace")).body.workspace).toMatchObject({ displayName: "New" });
    const untracked = { workspace: { linkTrackingOff: true }, updateMask: { paths: ["link_tracking_off"] } };
    expect((await shop.call("UpdateWorkspace", untracked)).body.workspace).toMatchObject({
      ...{ displayName: "New", linkTrackingOff: true },
    });
    const unknown = { workspace: {}, updateMask: { paths: ["etag"] } };
    expect((await shop.call("UpdateWorkspace", unknown)).code).toBe(INVALID_ARGUMENT);
  });

  const provider = { issuer: "https://id.example", audience: "engine", jwksUrl: "https://id.example/jwks" };
  it("says whose tokens it trusts, unless another workspace's users could be taken for its own", async () => {
    const [one, two] = [await newShop("trusts"), await newShop("trusts-too")];
    const set = await one.call("SetIdentityProvider", { identityProvider: provider });
    expect(set.body.workspace).toMatchObject({
      identityProvider: { ...provider, algorithms: ["RS256", "ES256"], clockSkew: { seconds: "30" } },
    });
    expect((await two.call("SetIdentityProvider", { identityProvider: provider })).code).toBe(FAILED_PRECONDITION);
    await one.call("SetIdentityProvider", { identityProvider: { ...provider, workspaceClaim: "shop" } });
    const sharing = { identityProvider: { ...provider, workspaceClaim: "shop" } };
    expect((await two.call("SetIdentityProvider", sharing)).code).toBe(OK);
    expect((await one.call("SetIdentityProvider", {})).body.workspace).toMatchObject({ identityProvider: null });
  });

  test.each([
    { field: "identity_provider.algorithms[0]", bad: { algorithms: ["HS256"] } },
    { field: "identity_provider.algorithms[0]", bad: { algorithms: ["none"] } },
    { field: "identity_provider.jwks_url", bad: { jwksUrl: "http://id.example/jwks" } },
    { field: "identity_provider.jwks_url", bad: { jwksUrl: "file:///etc/passwd" } },
    { field: "identity_provider.jwks_url", bad: { jwksUrl: "https://169.254.169.254/latest/meta-data" } },
    { field: "identity_provider.issuer", bad: { issuer: "" } },
    { field: "identity_provider.audience", bad: { audience: "" } },
    { field: "identity_provider.clock_skew", bad: { clockSkew: { seconds: 301 } } },
  ])("trusts nobody by a bad $field: $bad", async ({ field, bad }) => {
    const { code, details } = await platform.call(`${ADMIN}/SetIdentityProvider`, {
      identityProvider: { ...provider, ...bad },
    });
    expect(code).toBe(INVALID_ARGUMENT);
    expect(JSON.stringify(details)).toContain(field);
  });
});

describe("an API key", () => {
  it("works from the answer on, until it is revoked, and its streams end with it", async () => {
    const shop = await newShop("revoking");
    const key = await shop.newKey();
    expect(await works(key.secret)).toBe(true);
    const watching = as(key.secret).serverStream("intervention.v1.InterventionService/Watch", {});
    const ended = new Promise<unknown>((resolve) => watching.once("error", resolve));
    const begun = new Promise((resolve) => watching.once("metadata", resolve));
    watching.resume();
    await begun;
    const { body } = await shop.call("RevokeApiKey", { name: key.name });
    expect(record(body.apiKey).revokeTime).not.toBeNull();
    expect(await works(key.secret)).toBe(false);
    expect(await ended).toMatchObject({ code: UNAUTHENTICATED });
    expect((await shop.call("RevokeApiKey", { name: key.name })).body).toEqual(body);
    expect((await shop.call("ListApiKeys")).body.apiKeys).toHaveLength(1);
    expect((await shop.call("ListApiKeys", { includeEnded: true })).body.apiKeys).toHaveLength(2);
  });

  it("has a new secret after a rotation, while the old one goes on for the overlap only", async () => {
    const shop = await newShop("rotating");
    const key = await shop.newKey();
    const rotate = async (seconds: number) =>
      String((await shop.call("RotateApiKey", { name: key.name, overlap: { seconds } })).body.secret);
    const second = await rotate(3_600);
    expect([await works(key.secret), await works(second)]).toEqual([true, true]);
    const third = await rotate(0);
    expect([await works(key.secret), await works(second), await works(third)]).toEqual([false, false, true]);
  });

  it("of an earlier version goes on working as an owner's, and can be rotated", async () => {
    const legacy = `iek_${"x".repeat(43)}`;
    await createWorkspace(api.store, "legacy", legacy);
    await api.store.apiKeys.updateOne({ workspaceId: "legacy" }, { $unset: { roles: "", secrets: "" } });
    await api.access.refresh();
    const owner = as(legacy);
    const [key] = (await owner.call(`${ADMIN}/ListApiKeys`, {})).body.apiKeys as Record<string, unknown>[];
    expect(key).toMatchObject({ roles: ["ROLE_OWNER"] });
    const { body } = await owner.call(`${ADMIN}/RotateApiKey`, { name: key?.name, overlap: { seconds: 0 } });
    expect([await works(legacy), await works(String(body.secret))]).toEqual([false, true]);
    await expect(createWorkspace(api.store, "legacy", legacy)).rejects.toThrow("has another secret");
  });

  it("is not the last owner's when it is revoked", async () => {
    const shop = await newShop("last-owner");
    const first = String(record(shop.body.apiKey).name);
    expect((await shop.call("RevokeApiKey", { name: first })).code).toBe(FAILED_PRECONDITION);
    await shop.newKey(["ROLE_OWNER"]);
    expect((await shop.call("RevokeApiKey", { name: first })).code).toBe(OK);
  });

  it("of the platform can't be taken over by another owner of its workspace", async () => {
    const { body } = await platform.call(`${ADMIN}/CreateApiKey`, { displayName: "x", roles: ["ROLE_OWNER"] });
    const other = as(String(body.secret));
    const keys = (await other.call(`${ADMIN}/ListApiKeys`, {})).body.apiKeys as Record<string, unknown>[];
    const name = keys.find(({ isPlatform }) => isPlatform === true)?.name;
    for (const method of ["RotateApiKey", "RevokeApiKey"])
      expect((await other.call(`${ADMIN}/${method}`, { name })).code).toBe(PERMISSION_DENIED);
  });

  it("names every field that is wrong, and is not made", async () => {
    const shop = await newShop("bad-keys");
    const request = { displayName: "", roles: ["ROLE_UNSPECIFIED"], expireTime: { seconds: 1 } };
    const answer = await shop.call("CreateApiKey", request);
    expect(answer.code).toBe(INVALID_ARGUMENT);
    for (const field of ["display_name", "roles[0]", "expire_time"]) expect(fields(answer)).toContain(field);
    expect((await shop.call("ListApiKeys")).body.apiKeys).toHaveLength(1);
  });

  it("is not found when there is none of the name", async () => {
    const shop = await newShop("no-key");
    for (const method of ["RotateApiKey", "RevokeApiKey"])
      expect((await shop.call(method, { name: "aaaaaaaaaaaa" })).code).toBe(NOT_FOUND);
  });

  it("is made ten times at once, each with its entry", async () => {
    const shop = await newShop("at-once");
    await Promise.all(Array.from({ length: 10 }, () => shop.newKey()));
    expect((await shop.call("ListApiKeys")).body.apiKeys).toHaveLength(11);
    expect(await shop.entries()).toHaveLength(12);
  });

  it("that was revoked in one process is refused in another at once by the news, and without them within a second or so", async () => {
    const shop = await newShop("elsewhere");
    const [told, untold] = [
      await AccessDirectory.start(api.store, api.log, {
        ...{ changes: new AccessChanges(api.bus), refreshMs: 3_600_000 },
      }),
      await AccessDirectory.start(api.store, api.log),
    ];
    const here = await AccessDirectory.start(api.store, api.log, { changes: new AccessChanges(api.bus) });
    const key = await shop.newKey();
    await Promise.all([told.refresh(), untold.refresh()]);
    expect(told.findService(key.secret)?.actor).toMatch(/^key\//);
    await shop.call("RevokeApiKey", { name: key.name });
    await here.changed();
    await until(() => told.findService(key.secret) === undefined, "the news of it");
    await until(() => untold.findService(key.secret) === undefined, "the next regular look");
    for (const directory of [here, told, untold]) directory.stop();
  });
});

describe("when a key was last used", () => {
  it("is entered now and then, and listed", async () => {
    const shop = await newShop("using");
    const key = await shop.newKey();
    const used = async () => {
      const [newest] = (await shop.call("ListApiKeys")).body.apiKeys as Record<string, unknown>[];
      return newest?.lastUseTime;
    };
    const directory = await AccessDirectory.start(api.store, api.log, { noteUseMs: 20 });
    expect(await used()).toBeNull();
    directory.findService(key.secret);
    await until(used, "the use to be entered");
    directory.stop();
  });
});

describe("the audit log", () => {
  it("has every change with who made it, what was before and what is since, and no secret", async () => {
    const shop = await newShop("audited");
    const key = await shop.newKey();
    await shop.call("RevokeApiKey", { name: key.name });
    const entries = (await shop.entries()) as Record<string, unknown>[];
    expect(entries.map(({ method }) => String(method).split("/")[1])).toEqual([
      ...["RevokeApiKey", "CreateApiKey"],
      ...["CreateWorkspace", "CreateWorkspace"],
    ]);
    expect(entries[0]).toMatchObject({
      ...{ actor: `key/${String(shop.body.secret).split("_")[1]}`, resource: key.name, outcome: "OUTCOME_DONE" },
      before: { fields: expect.not.objectContaining({ revokeTime: expect.anything() }) },
      after: { fields: { revokeTime: { stringValue: expect.stringMatching(/^20/) } } },
    });
    const secrets = await api.store.apiKeys.find({ workspaceId: "audited" }).toArray();
    for (const { secrets: own } of secrets) expect(JSON.stringify(entries)).not.toContain(own?.[0]?.hash);
    expect(JSON.stringify(entries)).not.toContain(key.secret.slice(-43));
  });

  it("is read page by page and exported whole, newest first", async () => {
    const shop = await newShop("exported");
    for (let i = 0; i < 5; i += 1) await shop.call("UpdateWorkspace", { workspace: { displayName: `${i}` } });
    const paged: unknown[] = [];
    let pageToken = "";
    do {
      const { body } = await shop.call("ListAuditEntries", { pageSize: 3, pageToken });
      paged.push(...(body.entries as Record<string, unknown>[]).map(({ entryId }) => entryId));
      pageToken = String(body.nextPageToken);
    } while (pageToken !== "");
    const exported: unknown[] = [];
    const stream = as(String(shop.body.secret)).serverStream(`${ADMIN}/ExportAuditEntries`, {});
    for await (const { entry } of stream) exported.push(record(entry).entryId);
    expect(exported).toHaveLength(7);
    expect(exported).toEqual(paged);
  });

  it("has an entry or there is no change: what can't be entered is not made", async () => {
    const shop = await newShop("all-or-none");
    const key = await shop.newKey();
    await api.store.db.command({ collMod: "audit", validator: { $jsonSchema: { required: ["neverThere"] } } });
    try {
      expect((await shop.call("RevokeApiKey", { name: key.name })).code).toBe(UNAVAILABLE);
      expect((await shop.call("UpdateWorkspace", { workspace: { displayName: "x" } })).code).toBe(UNAVAILABLE);
    } finally {
      await api.store.db.command({ collMod: "audit", validator: {} });
    }
    expect((await shop.call("ListApiKeys")).body.apiKeys).toMatchObject([{ name: key.name, revokeTime: null }, {}]);
    expect((await shop.call("GetWorkspace")).body.workspace).toMatchObject({ displayName: "A shop" });
  });

  it("has no entry of a change that was not made", async () => {
    const shop = await newShop("none-or-all");
    const key = await shop.newKey();
    const before = await shop.entries();
    const caller = api.access.findService(key.secret);
    if (caller === undefined) throw new Error("the key is known");
    const change = { caller, workspaceId: "none-or-all", method: "m", resource: "r", at: new Date() };
    const failing = inTransaction(api.store, async (session) => {
      await insertAuditEntry(api.store, toAuditEntry(change), session);
      throw new Error("the change fails");
    });
    await expect(failing).rejects.toThrow("the change fails");
    expect(await shop.entries()).toEqual(before);
  });

  it("says of what is done on the bus that it was intended before, and how it ended", async () => {
    const shop = await newShop("operated");
    const drop = "intervention.v1.OperationsService/DropDeadLetter";
    expect((await as(String(shop.body.secret)).call(drop, { sequence: 999 })).code).toBe(NOT_FOUND);
    expect(await shop.entries()).toMatchObject([
      { method: drop, resource: "workspaces/operated/deadLetters/999", outcome: "OUTCOME_FAILED" },
      {},
      {},
    ]);
  });
});
