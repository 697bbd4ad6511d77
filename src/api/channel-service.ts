import { randomBytes } from "node:crypto";
import { create, type JsonObject } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { Binary } from "mongodb";
import type { Logger } from "pino";
import { z } from "zod";
import {
  type ChannelService,
  type ProviderAccount,
  ProviderAccountSchema,
  ProviderAccountState,
} from "../../gen/intervention/v1/channel_service_pb.js";
import { CostSchema } from "../../gen/intervention/v1/intervention_pb.js";
import type { CredentialBox } from "../channels/credential-box.ts";
import { findProvider, type KnownProvider } from "../channels/known-provider.ts";
import type { CredentialCheck } from "../channels/provider.ts";
import { fromChannelName } from "../domain/delivery/channel-names.ts";
import { InvalidInput, NotAllowedNow, NotFound, OverLimit, StaleEtag, Unavailable } from "../domain/errors.ts";
import type { ProviderDirectory } from "../integrations/provider-directory.ts";
import {
  ACCOUNTS_MAX,
  findProviderAccount,
  insertProviderAccount,
  listOutbox,
  listProviderAccounts,
  type ProviderAccountDocument,
  replaceProviderAccount,
  type Store,
} from "../store/index.ts";
import { actAudited } from "./audit.ts";
import { getService } from "./authenticate.ts";
import { parsePageSize, parsePageToken, toPageToken } from "./page-token.ts";
import { parseProvider, parseProviderAccount, toCredentialSchema } from "./parse-provider-account.ts";

/** What managing providers works with. */
export type ChannelParts = {
  readonly store: Store;
  readonly log: Logger;
  readonly now: () => Date;
  readonly channels: {
    readonly providers: readonly KnownProvider[];
    readonly box: CredentialBox;
    readonly directory: Pick<ProviderDirectory, "refresh" | "tell">;
  };
};

const PAGE_SIZE = { fallback: 20, max: 100 };
const RETRY_MS = 60_000;
const CHECK_MS = 10_000;
/** Others may change the same account meanwhile. */
const TRIES_MAX = 5;
const positionSchema = z.tuple([z.string().regex(/^\d{15}-/)]);
const SERVICE = "intervention.v1.ChannelService";

/** A workspace's accounts with providers. Credentials come in and are never told again: not to callers, the audit log or any log. */
export function channelService(parts: ChannelParts): ServiceImpl<typeof ChannelService> {
  const { store, now, channels } = parts;
  const { providers, box, directory } = channels;
  const get = async (id: string, context: HandlerContext) => {
    const found = await findProviderAccount(store, getService(context.values).workspace.id, id);
    if (found === undefined) throw new NotFound("provider account", id);
    return found;
  };
  const getProvider = (account: ProviderAccountDocument): KnownProvider => {
    const provider = findProvider(providers, account.channel, account.provider);
    if (provider !== undefined) return provider;
    const description = `this version of the engine has no provider "${account.provider}" for ${account.channel}`;
    throw new NotAllowedNow("PROVIDER_UNKNOWN", account._id, description);
  };
  const seal = (credential: JsonObject | undefined, id: string): Pick<ProviderAccountDocument, "credential"> => {
    if (credential === undefined || Object.keys(credential).length === 0) return {};
    const sealed = box.seal(credential, id);
    if (sealed !== undefined) return { credential: { keyId: sealed.keyId, sealed: new Binary(sealed.sealed) } };
    const description = "the engine has no CREDENTIAL_KEYS to encrypt credentials with: its operator must set them";
    throw new NotAllowedNow("NO_CREDENTIAL_KEYS", id, description);
  };
  const open = ({ credential, _id }: ProviderAccountDocument): JsonObject => {
    if (credential === undefined) return {};
    return z.record(z.string(), z.json()).parse(box.open({ ...credential, sealed: credential.sealed.value() }, _id));
  };
  const requireAccepted = async (provider: KnownProvider, credential: JsonObject) => {
    const check = await checkLive(provider, credential);
    if (!check.ok)
      throw new InvalidInput([{ field: "credential", description: `${provider.name} refuses it: ${check.reason}` }]);
  };
  const act = async <T>(
    method: string,
    context: HandlerContext,
    change: {
      readonly id: string;
      readonly before?: ProviderAccountDocument;
      readonly after?: ProviderAccountDocument;
    },
    write: () => Promise<T>,
  ) => {
    const caller = getService(context.values);
    const entry = {
      ...{ workspaceId: caller.workspace.id, caller, method: `${SERVICE}/${method}`, at: now() },
      resource: `workspaces/${caller.workspace.id}/providerAccounts/${change.id}`,
      before: change.before && toAudited(change.before),
      after: change.after && toAudited(change.after),
    };
    const result = await actAudited(parts, entry, write);
    await directory.refresh();
    directory.tell();
    return result;
  };
  const replace = async (
    method: string,
    context: HandlerContext,
    id: string,
    toAfter: (before: ProviderAccountDocument) => Promise<ProviderAccountDocument>,
  ): Promise<ProviderAccountDocument> => {
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const before = await get(id, context);
      const after = await toAfter(before);
      if (await act(method, context, { id, before, after }, () => replaceProviderAccount(store, after))) return after;
    }
    throw new Unavailable("engine", { cause: new Error(`${TRIES_MAX} others changed the account first`) });
  };
  return {
    async createProviderAccount(request, context) {
      const { workspace } = getService(context.values);
      const provider = parseProvider(request.account, providers);
      const { settings, credential } = parseProviderAccount(request, provider, { isCredentialNeeded: true });
      if ((await listProviderAccounts(store, workspace.id)).length >= ACCOUNTS_MAX)
        throw new OverLimit("provider accounts", `a workspace has at most ${ACCOUNTS_MAX}`, RETRY_MS);
      const id = `pa_${randomBytes(12).toString("hex")}`;
      const sealed = seal(credential, id);
      await requireAccepted(provider, credential ?? {});
      const at = now();
      const document: ProviderAccountDocument = {
        ...{ _id: id, workspaceId: workspace.id, channel: provider.channel, provider: provider.name },
        ...settings,
        ...sealed,
        ...{ state: "active", reason: "", revision: 1, createdAt: at, updatedAt: at },
      };
      await act("CreateProviderAccount", context, { id, after: document }, () =>
        insertProviderAccount(store, document),
      );
      return { account: toProviderAccount(document) };
    },
    async getProviderAccount({ accountId }, context) {
      return { account: toProviderAccount(await get(accountId, context)) };
    },
    async listProviderAccounts(_request, context) {
      const found = await listProviderAccounts(store, getService(context.values).workspace.id);
      return { accounts: found.map(toProviderAccount) };
    },
    async updateProviderAccount(request, context) {
      const after = await replace("UpdateProviderAccount", context, request.accountId, async (before) => {
        const provider = getProvider(before);
        requireSame(request.account, before);
        const { settings, credential } = parseProviderAccount(request, provider, {
          isCredentialNeeded: before.credential === undefined,
        });
        const etag = request.account?.etag ?? "";
        if (etag !== "" && etag !== String(before.revision)) throw new StaleEtag(before._id);
        const inForce = credential ?? open(before);
        await requireAccepted(provider, inForce);
        const { credential: _old, ...rest } = before;
        return {
          ...rest,
          ...settings,
          // Sealed anew, with the first key of now.
          ...seal(inForce, before._id),
          ...{ state: "active" as const, reason: "", revision: before.revision + 1, updatedAt: now() },
        };
      });
      return { account: toProviderAccount(after) };
    },
    async deleteProviderAccount({ accountId }, context) {
      await replace("DeleteProviderAccount", context, accountId, async ({ credential: _gone, ...before }) => ({
        ...before,
        ...{ state: "deleted" as const, revision: before.revision + 1, updatedAt: now() },
      }));
      return {};
    },
    async checkProviderAccount({ accountId }, context) {
      const account = await get(accountId, context);
      const check = await checkLive(getProvider(account), open(account));
      return check.ok ? { ok: true, reason: "" } : { ok: false, reason: check.reason };
    },
    async listProviders() {
      const known = [...providers].sort(
        (a, b) => fromChannelName(a.channel) - fromChannelName(b.channel) || a.name.localeCompare(b.name),
      );
      return {
        providers: known.map((provider) => ({
          name: provider.name,
          channel: fromChannelName(provider.channel),
          ratePerS: provider.limits.ratePerS,
          credentialSchema: toCredentialSchema(provider),
        })),
      };
    },
    async listOutbox(request, context) {
      const { workspace } = getService(context.values);
      const size = parsePageSize(request.pageSize, PAGE_SIZE);
      const scope = ["outbox", workspace.id];
      const position = parsePageToken(request.pageToken, scope, positionSchema);
      const before = position === undefined ? {} : { before: position[0] };
      const options = { workspaceId: workspace.id, now: now(), since: workspace.createdAt, limit: size + 1, ...before };
      const found = await listOutbox(store, options);
      const last = found.slice(0, size).at(-1);
      return {
        messages: found.slice(0, size).map((one) => ({
          ...{ messageId: one._id, channel: fromChannelName(one.channel), to: one.to },
          sendTime: timestampFromDate(one.at),
          content: z.record(z.string(), z.json()).parse(JSON.parse(one.content)),
        })),
        nextPageToken: found.length > size && last !== undefined ? toPageToken([last.position], scope) : "",
      };
    },
  };
}

/** Asks a provider whether it takes a credential; nothing is sent to anybody. */
async function checkLive(provider: KnownProvider, credential: JsonObject): Promise<CredentialCheck> {
  try {
    const sender = provider.open(credential);
    try {
      return await sender.check(AbortSignal.timeout(CHECK_MS));
    } finally {
      await sender.close();
    }
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

/** What an account is with can't be changed: another provider is another account. */
function requireSame(given: ProviderAccount | undefined, { channel, provider }: ProviderAccountDocument): void {
  const violations = [
    ...(given !== undefined && given.channel !== 0 && given.channel !== fromChannelName(channel)
      ? [{ field: "account.channel", description: `it is ${channel} and can't be changed` }]
      : []),
    ...(given !== undefined && given.provider !== "" && given.provider !== provider
      ? [{ field: "account.provider", description: `it is "${provider}" and can't be changed` }]
      : []),
  ];
  if (violations.length > 0) throw new InvalidInput(violations);
}

const STATES = {
  active: ProviderAccountState.ACTIVE,
  paused: ProviderAccountState.PAUSED,
  deleted: ProviderAccountState.UNSPECIFIED,
} as const;

/** An account as callers see it. */
function toProviderAccount(document: ProviderAccountDocument): ProviderAccount {
  const { displayName, from, replyTo, webhookUrl, snsTopics = [], ratePerS, order, sandboxTo, reason } = document;
  return create(ProviderAccountSchema, {
    ...{ displayName, from, replyTo, webhookUrl, ratePerS, order, sandboxTo, reason },
    snsTopics: [...snsTopics],
    accountId: document._id,
    channel: fromChannelName(document.channel),
    provider: document.provider,
    state: STATES[document.state],
    keyId: document.credential?.keyId ?? "",
    createTime: timestampFromDate(document.createdAt),
    updateTime: timestampFromDate(document.updatedAt),
    etag: String(document.revision),
    ...(document.cost === undefined
      ? {}
      : { cost: create(CostSchema, { currency: document.cost.currency, micros: BigInt(document.cost.micros) }) }),
  });
}

/** What the audit log has of it. */
function toAudited(document: ProviderAccountDocument) {
  const { channel, provider, displayName, from, replyTo, webhookUrl, ratePerS, order, sandboxTo, state } = document;
  const { snsTopics = [] } = document;
  return {
    ...{ channel, provider, displayName, from, replyTo, webhookUrl, ratePerS, order, sandboxTo, state },
    ...(snsTopics.length === 0 ? {} : { snsTopics: [...snsTopics] }),
    keyId: document.credential?.keyId ?? "",
    revision: document.revision,
    ...(document.cost === undefined ? {} : { cost: document.cost }),
  };
}
