import { toJson } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import { type AdminService, WorkspaceSchema } from "../../gen/intervention/v1/admin_service_pb.js";
import { AlreadyExists, InvalidInput, NotAllowedNow, NotFound } from "../domain/errors.ts";
import { newApiKey, newWorkspace } from "../integrations/create-workspace.ts";
import {
  type ApiKeyDocument,
  findWorkspace,
  type IdentityProvider,
  insertAuditEntry,
  inTransaction,
  listWorkspaces,
  WORKSPACES_MAX,
  type WorkspaceChange,
  type WorkspaceDocument,
} from "../store/index.ts";
import { parseWorkspaceName, toKeyName, toWorkspaceName } from "./admin-names.ts";
import type { AdminParts } from "./admin-service.ts";
import { toAuditEntry } from "./audit.ts";
import { getService } from "./authenticate.ts";
import { changeAudited } from "./change-workspace.ts";
import { checked, orEmpty, parseFields, show, text, timeZone, withoutControlCharacters } from "./field-checks.ts";
import { parsePageSize, parsePageToken, toPageToken } from "./page-token.ts";
import { parseIdentityProvider } from "./parse-identity-provider.ts";
import { toApiKeyMessage, toWorkspace } from "./to-admin.ts";

const METHOD = "intervention.v1.AdminService";
const PAGE_SIZE = { fallback: 50, max: 100 };
const WORKSPACE_ID = /^[a-z0-9][a-z0-9-]{0,39}$/;
const positionSchema = z.tuple([z.string()]);

const settings = {
  displayName: checked(text({ max: 100 }), withoutControlCharacters),
  defaultTimeZone: checked(orEmpty(timeZone)),
};
const createSchema = z.object({
  workspaceId: checked<string>((id) =>
    WORKSPACE_ID.test(id) ? undefined : `${show(id)} is not 1 to 40 of a-z, 0-9 and -`,
  ),
  ...settings,
});
const updateSchema = z.object({ workspace: z.object({ ...settings, linkTrackingOff: z.boolean() }) });
const MASKABLE = new Map([
  ["link_tracking_off", "linkTrackingOff"],
  ["display_name", "displayName"],
  ["default_time_zone", "defaultTimeZone"],
] as const);

const toAudited = (document: WorkspaceDocument) => toJson(WorkspaceSchema, toWorkspace(document));

type Methods = "createWorkspace" | "getWorkspace" | "listWorkspaces" | "updateWorkspace" | "setIdentityProvider";

/** What is done to workspaces. Each change and its audit entry are one transaction. */
export function workspaceMethods(parts: AdminParts): Pick<ServiceImpl<typeof AdminService>, Methods> {
  const { store, access, now } = parts;
  return {
    async createWorkspace(request, context) {
      const caller = getService(context.values);
      const { workspaceId: id, ...given } = parseFields(createSchema, request);
      const at = now();
      const { apiKey: secret, prefix, hash } = newApiKey();
      const workspace: WorkspaceDocument = { ...newWorkspace(id, at), ...given };
      const key: ApiKeyDocument = {
        ...{ _id: prefix, workspaceId: id, createdAt: at, displayName: "first key", roles: ["owner"] },
        secrets: [{ hash }],
      };
      const change = { caller, method: `${METHOD}/CreateWorkspace`, at };
      const made = { ...change, resource: toWorkspaceName(id), after: toJson(WorkspaceSchema, toWorkspace(workspace)) };
      await inTransaction(store, async (session) => {
        const there = await listWorkspaces(store, session);
        if (there.some(({ _id }) => _id === id)) throw new AlreadyExists("workspace", id);
        if (there.length >= WORKSPACES_MAX)
          throw new NotAllowedNow(
            "WORKSPACES_MAX",
            toWorkspaceName(id),
            `there are ${WORKSPACES_MAX} workspaces already`,
          );
        await store.workspaces.insertOne(workspace, { session });
        await store.apiKeys.insertOne(key, { session });
        // Its owners see who made it, and the platform's what it has made.
        for (const workspaceId of new Set([id, caller.workspace.id]))
          await insertAuditEntry(store, toAuditEntry({ ...made, workspaceId }), session);
        const keyEntry = { ...change, workspaceId: id, resource: toKeyName(id, prefix) };
        await insertAuditEntry(store, toAuditEntry(keyEntry), session);
      });
      await access.changed();
      return { workspace: toWorkspace(workspace), apiKey: toApiKeyMessage(key), secret };
    },
    async getWorkspace({ name }, context) {
      const id = parseWorkspaceName(name, getService(context.values), "name");
      const workspace = await findWorkspace(store, id);
      if (workspace === undefined) throw new NotFound("workspace", id);
      return { workspace: toWorkspace(workspace) };
    },
    async listWorkspaces(request, context) {
      const { workspace, permissions } = getService(context.values);
      const size = parsePageSize(request.pageSize, PAGE_SIZE);
      const scope = ["workspaces", workspace.id];
      const [after = ""] = parsePageToken(request.pageToken, scope, positionSchema) ?? [];
      // They are few by WORKSPACES_MAX.
      const all = await listWorkspaces(store);
      const seen = permissions.has("platform") ? all : all.filter(({ _id }) => _id === workspace.id);
      const rest = seen.filter(({ _id }) => _id > after).toSorted((a, b) => (a._id < b._id ? -1 : 1));
      const page = rest.slice(0, size);
      const last = page.at(-1);
      const nextPageToken = rest.length > size && last !== undefined ? toPageToken([last._id], scope) : "";
      return { workspaces: page.map(toWorkspace), nextPageToken };
    },
    async updateWorkspace(request, context) {
      const caller = getService(context.values);
      if (request.workspace === undefined)
        throw new InvalidInput([{ field: "workspace", description: "it is missing; it says what to change" }]);
      const id = parseWorkspaceName(request.workspace.name, caller, "workspace.name");
      const { workspace } = parseFields(updateSchema, { workspace: request.workspace });
      const paths = request.updateMask?.paths ?? [];
      const fields = [...MASKABLE].filter(([path]) => paths.length === 0 || paths.includes(path)).map(([, key]) => key);
      const unknown = paths.filter((path) => ![...MASKABLE.keys()].some((known) => known === path));
      if (unknown.length > 0)
        throw new InvalidInput(
          unknown.map((path) => ({
            field: "update_mask",
            description: `${show(path)} is none of ${[...MASKABLE.keys()].join(", ")}`,
          })),
        );
      const given: WorkspaceChange = Object.fromEntries(fields.map((field) => [field, workspace[field]]));
      const change = { caller, method: `${METHOD}/UpdateWorkspace`, id, etag: request.workspace.etag };
      return {
        workspace: toWorkspace(await changeAudited(parts, { ...change, toChange: async () => given, toAudited })),
      };
    },
    async setIdentityProvider(request, context) {
      const caller = getService(context.values);
      const id = parseWorkspaceName(request.parent, caller, "parent");
      const { identityProvider: given } = request;
      const provider = given === undefined ? null : parseIdentityProvider(given, parts);
      const toChange = async (workspaces: readonly WorkspaceDocument[]) => {
        if (provider !== null) requireIssuerFree(parts, id, provider, workspaces);
        return { identityProvider: provider };
      };
      const change = { caller, method: `${METHOD}/SetIdentityProvider`, id, etag: "", toChange };
      return { workspace: toWorkspace(await changeAudited(parts, { ...change, toAudited })) };
    },
  };
}

/** Two workspaces can share an issuer's tokens only if both can tell theirs: one could claim the other's users otherwise, or have
 *  them refused as nobody's. */
function requireIssuerFree(
  { trustedIssuers }: AdminParts,
  id: string,
  provider: IdentityProvider,
  workspaces: readonly WorkspaceDocument[],
): void {
  const others = workspaces.flatMap(({ _id, identityProvider: other }) =>
    _id !== id && other !== undefined && other.issuer === provider.issuer && other.audience === provider.audience
      ? [other]
      : [],
  );
  const canTell = provider.workspaceClaim !== undefined && others.every((other) => other.workspaceClaim !== undefined);
  if ((others.length > 0 || trustedIssuers.includes(provider.issuer)) && !canTell)
    throw new NotAllowedNow(
      "ISSUER_TAKEN",
      provider.issuer,
      "another workspace trusts this issuer and audience, or the engine itself does: both need a workspace_claim",
    );
}
