import { toJson } from "@bufbuild/protobuf";
import { durationMs, timestampDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import type { ClientSession } from "mongodb";
import { z } from "zod";
import { type AdminService, ApiKeySchema, RoleSchema } from "../../gen/intervention/v1/admin_service_pb.js";
import { toPrefix } from "../domain/access/api-key.ts";
import { NotAllowedNow, NotFound, PermissionDenied } from "../domain/errors.ts";
import type { ServiceCaller } from "../integrations/access-directory.ts";
import { newApiKey } from "../integrations/create-workspace.ts";
import { secretsOf } from "../integrations/key-ring.ts";
import {
  type ApiKeyDocument,
  insertAuditEntry,
  inTransaction,
  KEYS_PER_WORKSPACE_MAX,
  listApiKeysOf,
  touchKeys,
} from "../store/index.ts";
import { parseKeyName, parseWorkspaceName, toKeyName, toWorkspaceName } from "./admin-names.ts";
import type { AdminParts } from "./admin-service.ts";
import { toAuditEntry } from "./audit.ts";
import { getService } from "./authenticate.ts";
import {
  checked,
  durationBetween,
  memberOf,
  parseFields,
  text,
  timestamp,
  withoutControlCharacters,
} from "./field-checks.ts";
import { parsePageSize, parsePageToken, toPageToken } from "./page-token.ts";
import { fromWireRoles, toApiKeyMessage } from "./to-admin.ts";

const METHOD = "intervention.v1.AdminService";
const PAGE_SIZE = { fallback: 50, max: 100 };
const OVERLAP_MS_DEFAULT = 86_400_000;

const createSchema = (now: Date) =>
  z.object({
    displayName: checked(text({ min: 1, max: 100 }), withoutControlCharacters),
    roles: z
      .array(checked(memberOf(RoleSchema, { allowUnspecified: false })))
      .min(1, "1 to 5 roles are needed")
      .max(5, "1 to 5 roles are allowed"),
    expireTime: checked(timestamp, (at: Parameters<typeof timestamp>[0]) =>
      timestampDate(at) > now ? undefined : `${timestampDate(at).toISOString()} is over`,
    ).optional(),
  });
const rotateSchema = z.object({
  overlap: checked(durationBetween({ minS: 0, maxS: 30 * 86_400, allowed: "0 s to 30 days" })).optional(),
});
const positionSchema = z.tuple([z.number(), z.string()]);

type Methods = "createApiKey" | "listApiKeys" | "rotateApiKey" | "revokeApiKey";

/** What is done to keys. Each change and its audit entry are one transaction; secrets are in answers only. */
export function keyMethods(parts: AdminParts): Pick<ServiceImpl<typeof AdminService>, Methods> {
  const { store, access, now } = parts;
  return {
    async createApiKey(request, context) {
      const caller = getService(context.values);
      const at = now();
      const workspaceId = parseWorkspaceName(request.parent, caller, "parent");
      const { displayName, roles, expireTime } = parseFields(createSchema(at), request);
      const { apiKey: secret, prefix, hash } = newApiKey();
      const key: ApiKeyDocument = {
        ...{ _id: prefix, workspaceId, createdAt: at, displayName, roles: fromWireRoles(roles), secrets: [{ hash }] },
        ...(expireTime === undefined ? {} : { expiresAt: timestampDate(expireTime) }),
      };
      await inTransaction(store, async (session) => {
        await lockKeys(parts, workspaceId, session);
        if ((await listApiKeysOf(store, workspaceId, session)).length >= KEYS_PER_WORKSPACE_MAX)
          throw new NotAllowedNow(
            "KEYS_MAX",
            toWorkspaceName(workspaceId),
            `there are ${KEYS_PER_WORKSPACE_MAX} keys already, ended ones included: rotate one instead`,
          );
        await store.apiKeys.insertOne(key, { session });
        await enter(parts, { caller, method: "CreateApiKey", at, after: key }, session);
      });
      await access.changed();
      return { apiKey: toApiKeyMessage(key), secret };
    },
    async listApiKeys(request, context) {
      const caller = getService(context.values);
      const workspaceId = parseWorkspaceName(request.parent, caller, "parent");
      const size = parsePageSize(request.pageSize, PAGE_SIZE);
      const scope = ["api keys", workspaceId, request.includeEnded];
      const after = parsePageToken(request.pageToken, scope, positionSchema);
      const at = now();
      // They are few by KEYS_PER_WORKSPACE_MAX.
      const keys = (await listApiKeysOf(store, workspaceId))
        .filter((key) => request.includeEnded || isInForce(key, at))
        .toSorted(byNewest)
        .filter((key) => after === undefined || byNewest({ createdAt: new Date(after[0]), _id: after[1] }, key) < 0);
      const page = keys.slice(0, size);
      const last = page.at(-1);
      const isMore = keys.length > size && last !== undefined;
      const nextPageToken = isMore ? toPageToken([last.createdAt.getTime(), last._id], scope) : "";
      return { apiKeys: page.map(toApiKeyMessage), nextPageToken };
    },
    async rotateApiKey(request, context) {
      const caller = getService(context.values);
      const { prefix } = parseKeyName(request.name, caller);
      const { overlap } = parseFields(rotateSchema, request);
      const overlapMs = overlap === undefined ? OVERLAP_MS_DEFAULT : durationMs(overlap);
      const { apiKey: secret, hash } = newApiKey(prefix);
      const key = await change(parts, { caller, name: request.name, method: "RotateApiKey" }, (before, at) => {
        if (!isInForce(before, at))
          throw new NotAllowedNow("KEY_ENDED", request.name, "the key was revoked or has ended: make a new one");
        const [newest] = secretsOf(before);
        const previous = { hash: newest?.hash ?? "", expiresAt: new Date(at.getTime() + overlapMs) };
        return { secrets: [{ hash }, ...(overlapMs > 0 ? [previous] : [])] };
      });
      return { apiKey: toApiKeyMessage(key), secret };
    },
    async revokeApiKey({ name }, context) {
      const caller = getService(context.values);
      const key = await change(parts, { caller, name, method: "RevokeApiKey" }, (before, at, all) => {
        if (before.revokedAt !== undefined) return undefined;
        const isOwners = (candidate: ApiKeyDocument) =>
          isInForce(candidate, at) && (candidate.roles ?? ["owner"]).includes("owner");
        if (isOwners(before) && !all.some((other) => other._id !== before._id && isOwners(other)))
          throw new NotAllowedNow(
            "LAST_OWNER_KEY",
            name,
            "it is the last owner's key: make another one first, or rotate it",
          );
        return { revokedAt: at };
      });
      return { apiKey: toApiKeyMessage(key) };
    },
  };
}

type KeyChange = Partial<Pick<ApiKeyDocument, "secrets" | "revokedAt">>;

/** Changes one key.
 *  @param toChange undefined: it is as it should be. */
async function change(
  parts: AdminParts,
  request: { readonly caller: ServiceCaller; readonly name: string; readonly method: string },
  toChange: (before: ApiKeyDocument, at: Date, all: readonly ApiKeyDocument[]) => KeyChange | undefined,
): Promise<ApiKeyDocument> {
  const { store, access, now } = parts;
  const { caller, name, method } = request;
  const { workspaceId, prefix } = parseKeyName(name, caller);
  const key = await inTransaction(store, async (session) => {
    const at = now();
    await lockKeys(parts, workspaceId, session);
    const all = await listApiKeysOf(store, workspaceId, session);
    const before = all.find(({ _id }) => toPrefix(_id) === prefix);
    if (before === undefined) throw new NotFound("API key", prefix);
    // Whoever could rotate it would have it.
    if (before.isPlatform === true && !caller.permissions.has("platform"))
      throw new PermissionDenied("the platform's key can be changed with the platform's key only");
    const given = toChange(before, at, all);
    if (given === undefined) return before;
    await store.apiKeys.updateOne({ _id: before._id }, { $set: given }, { session });
    const after = { ...before, ...given };
    await enter(parts, { caller, method, at, before, after }, session);
    return after;
  });
  await access.changed();
  return key;
}

/** Changes of one workspace's keys go one after the other: what one has counted another may not change.
 *  @throws NotFound when there is no such workspace. */
async function lockKeys({ store }: AdminParts, workspaceId: string, session: ClientSession): Promise<void> {
  if (!(await touchKeys(store, workspaceId, session))) throw new NotFound("workspace", workspaceId);
}

async function enter(
  { store }: AdminParts,
  entry: {
    readonly caller: ServiceCaller;
    readonly method: string;
    readonly at: Date;
    readonly before?: ApiKeyDocument;
    readonly after: ApiKeyDocument;
  },
  session: ClientSession,
): Promise<void> {
  const { caller, method, at, before, after } = entry;
  const audited = toAuditEntry({
    ...{ workspaceId: after.workspaceId, caller, method: `${METHOD}/${method}`, at },
    resource: toKeyName(after.workspaceId, toPrefix(after._id)),
    ...(before === undefined ? {} : { before: toJson(ApiKeySchema, toApiKeyMessage(before)) }),
    after: toJson(ApiKeySchema, toApiKeyMessage(after)),
  });
  await insertAuditEntry(store, audited, session);
}

const isInForce = ({ revokedAt, expiresAt }: ApiKeyDocument, at: Date) =>
  revokedAt === undefined && (expiresAt === undefined || expiresAt > at);

type Dated = Pick<ApiKeyDocument, "createdAt" | "_id">;
const byNewest = (a: Dated, b: Dated) => b.createdAt.getTime() - a.createdAt.getTime() || (a._id < b._id ? -1 : 1);
