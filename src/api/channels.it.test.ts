import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createProviders } from "../channels/create-providers.ts";
import { CredentialBox } from "../channels/credential-box.ts";
import { FakeProvider } from "../channels/testing/fake-provider.ts";
import { ProviderDirectory } from "../integrations/provider-directory.ts";
import { insertOutbox, toPosition } from "../store/index.ts";
import { startCallers } from "./testing/start-callers.ts";

const CHANNELS = "intervention.v1.ChannelService";
const SECRET = "hunter2-and-more";
const asStruct = (fields: Record<string, string>) => ({
  fields: Object.fromEntries(Object.entries(fields).map(([name, stringValue]) => [name, { stringValue }])),
});
const account = { channel: "CHANNEL_EMAIL", provider: "fake", from: "Shop <shop@example.com>" };
const good = { account, credential: asStruct({ secret: SECRET }) };

describe("ChannelService", () => {
  const fake = new FakeProvider("fake");
  let api: Awaited<ReturnType<typeof startCallers>>;
  beforeAll(async () => {
    api = await startCallers(CHANNELS, {}, [fake.known]);
  });
  afterAll(() => api[Symbol.asyncDispose]());
  const everything = async () => {
    const { store } = api;
    return JSON.stringify([await store.providerAccounts.find().toArray(), await store.audit.find().toArray()]);
  };
  const idOf = (body: Record<string, unknown>) => String((body.account as { accountId: string }).accountId);

  it("saves an account, and never tells its credential: not to callers, in the audit log or in clear in the store", async () => {
    const created = await api.call("CreateProviderAccount", good);
    expect(created).toMatchObject({
      code: 0,
      body: { account: { ...account, state: "PROVIDER_ACCOUNT_STATE_ACTIVE", keyId: "test", etag: "1" } },
    });
    const id = idOf(created.body);
    const seen = [
      created.body,
      (await api.call("GetProviderAccount", { accountId: id })).body,
      (await api.call("ListProviderAccounts", {})).body,
      await everything(),
    ];
    expect(JSON.stringify(seen)).not.toContain(SECRET);
    expect(await everything()).toContain(`providerAccounts/${id}`);
    expect(await api.call("CheckProviderAccount", { accountId: id })).toMatchObject({ body: { ok: true } });
  });

  it("refuses a credential that the provider does not take, and changes nothing", async () => {
    const { body } = await api.call("CreateProviderAccount", good);
    fake.isAccepted = ({ secret }) => secret === SECRET;
    const before = await api.store.providerAccounts.find().toArray();
    const bad = asStruct({ secret: "wrong" });
    const refusal = {
      code: 3,
      details: [
        {},
        { fieldViolations: [{ field: "credential", description: "fake refuses it: 535 5.7.8 not accepted" }] },
      ],
    };
    expect(await api.call("CreateProviderAccount", { ...good, credential: bad })).toMatchObject(refusal);
    expect(await api.call("UpdateProviderAccount", { accountId: idOf(body), account, credential: bad })).toMatchObject(
      refusal,
    );
    expect(await api.store.providerAccounts.find().toArray()).toEqual(before);
    fake.isAccepted = () => false;
    expect(await api.call("CheckProviderAccount", { accountId: idOf(body) })).toMatchObject({
      body: { ok: false, reason: "535 5.7.8 not accepted" },
    });
    fake.isAccepted = () => true;
  });

  it("keeps the credential where an update brings none, seals it with the first key of now, and lets a paused one send", async () => {
    const { body } = await api.call("CreateProviderAccount", good);
    const id = idOf(body);
    await api.store.providerAccounts.updateOne({ _id: id }, { $set: { state: "paused", reason: "535" } });
    const sealed = async () => (await api.store.providerAccounts.findOne({ _id: id }))?.credential;
    const before = await sealed();
    const changed = await api.call("UpdateProviderAccount", {
      accountId: id,
      account: { from: "new@example.com", displayName: "Main", ratePerS: 14, etag: "1" },
    });
    expect(changed).toMatchObject({
      body: {
        account: {
          ...{ from: "new@example.com", displayName: "Main", ratePerS: 14, provider: "fake", etag: "2" },
          ...{ state: "PROVIDER_ACCOUNT_STATE_ACTIVE", reason: "" },
        },
      },
    });
    const after = await sealed();
    expect(after?.sealed.toString("hex")).not.toBe(before?.sealed.toString("hex"));
    expect(api.api.channels.box.open({ keyId: "test", sealed: after?.sealed.value() ?? new Uint8Array() }, id)).toEqual(
      {
        secret: SECRET,
      },
    );
    const stale = { accountId: id, account: { from: "x@example.com", etag: "1" } };
    expect(await api.call("UpdateProviderAccount", stale)).toMatchObject({ code: 10 });
  });

  it("forgets the credential of one that is deleted", async () => {
    const { body } = await api.call("CreateProviderAccount", good);
    const accountId = idOf(body);
    expect(await api.call("DeleteProviderAccount", { accountId })).toMatchObject({ code: 0 });
    expect(await api.call("GetProviderAccount", { accountId })).toMatchObject({ code: 5 });
    expect(await api.store.providerAccounts.findOne({ _id: accountId })).not.toHaveProperty("credential");
  });

  it("tells other processes within a moment", async () => {
    await using _other = {
      directory: await ProviderDirectory.start(api),
      async [Symbol.asyncDispose]() {
        this.directory.stop();
      },
    };
    const { body } = await api.call("CreateProviderAccount", { ...good, account: { ...account, order: -5 } });
    await expect.poll(() => _other.directory.listActive("main", "email")[0]?._id, { timeout: 10_000 }).toBe(idOf(body));
  });

  it.each([
    [{}, "account"],
    [{ ...good, account: { ...account, channel: "CHANNEL_INBOX" } }, "account.channel"],
    [{ ...good, account: { ...account, provider: "pigeon" } }, "account.provider"],
    [{ ...good, account: { ...account, from: "nobody" } }, "account.from"],
    [{ ...good, account: { ...account, from: "a@b.example\r\nBcc: c@d.example" } }, "account.from"],
    [{ ...good, account: { ...account, replyTo: "nobody" } }, "account.reply_to"],
    [{ ...good, account: { ...account, webhookUrl: "https://example.com" } }, "account.webhook_url"],
    [{ ...good, account: { ...account, ratePerS: -1 } }, "account.rate_per_s"],
    [{ ...good, account: { ...account, ratePerS: Number.NaN } }, "account.rate_per_s"],
    [{ ...good, account: { ...account, order: 1_001 } }, "account.order"],
    [{ ...good, account: { ...account, sandboxTo: "nobody" } }, "account.sandbox_to"],
    [{ ...good, account: { ...account, displayName: "x".repeat(201) } }, "account.display_name"],
    [{ account }, "credential"],
    [{ account, credential: asStruct({ password: SECRET }) }, "credential.secret"],
    [{ account, credential: asStruct({ secret: "x".repeat(17_000) }) }, "credential"],
  ])("refuses what can't be right, naming the field, and saves nothing: %#", async (request, field) => {
    const before = await everything();
    const answer = await api.call("CreateProviderAccount", request);
    expect(answer).toMatchObject({ code: 3, details: [{}, { fieldViolations: [{ field }] }] });
    expect(answer.message).not.toContain(SECRET);
    expect(await everything()).toBe(before);
  });

  it("can't keep a credential without a key to encrypt it", async () => {
    await using bare = await startCallers(CHANNELS, {
      channels: { ...api.api.channels, providers: [fake.known], box: new CredentialBox([]) },
    });
    expect(await bare.call("CreateProviderAccount", good)).toMatchObject({ code: 9 });
    expect(await bare.store.providerAccounts.countDocuments()).toBe(0);
  });

  it("lists the providers there are, with the shape of their credentials", async () => {
    const { body } = await api.call("ListProviders", {});
    const names = (body.providers as { name: string; channel: string }[]).map(({ name, channel }) => [channel, name]);
    const all = createProviders({ store: api.store, allowPrivate: true });
    expect(names).toHaveLength(all.length + 1);
    expect(names).toContainEqual(["CHANNEL_SMS", "outbox"]);
  });

  it("shows what the outbox has kept, newest first and page by page, to its workspace alone", async () => {
    const at = (n: number) => new Date(Date.now() - 1_000 * n);
    await insertOutbox(
      api.store,
      [1, 2, 3].map((n) => ({
        ...{ _id: `iv${n}:email:1`, workspaceId: "main", at: at(n), position: toPosition(at(n), `iv${n}:email:1`) },
        ...{ channel: "email" as const, to: "ada@example.com", content: JSON.stringify({ subject: `Message ${n}` }) },
      })),
    );
    const first = await api.call("ListOutbox", { pageSize: 2 });
    const idsOf = (body: Record<string, unknown>) => (body.messages as { messageId: string }[]).map((m) => m.messageId);
    expect(idsOf(first.body)).toEqual(["iv1:email:1", "iv2:email:1"]);
    const second = await api.call("ListOutbox", { pageSize: 2, pageToken: first.body.nextPageToken });
    expect(idsOf(second.body)).toEqual(["iv3:email:1"]);
    expect((await api.callAsStranger("ListOutbox", {})).body.messages).toEqual([]);
  });
});
