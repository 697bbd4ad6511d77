import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type ApiKey,
  ApiKeySchema,
  type AuditEntry,
  AuditEntrySchema,
  AuditEntry_Outcome as Outcome,
  Role as WireRole,
  type Workspace,
  WorkspaceSchema,
} from "../../gen/intervention/v1/admin_service_pb.js";
import { toPrefix } from "../domain/access/api-key.ts";
import type { Role } from "../domain/access/permissions.ts";
import type { ApiKeyDocument, AuditDocument, WorkspaceDocument } from "../store/index.ts";
import { toKeyName, toWorkspaceName } from "./admin-names.ts";
import { parseAudited } from "./audit.ts";

const WIRE_ROLES: Readonly<Record<Role, WireRole>> = {
  owner: WireRole.OWNER,
  editor: WireRole.EDITOR,
  analyst: WireRole.ANALYST,
  sender: WireRole.SENDER,
  operator: WireRole.OPERATOR,
};
const ROLE_OF = new Map<WireRole, Role>([
  [WireRole.OWNER, "owner"],
  [WireRole.EDITOR, "editor"],
  [WireRole.ANALYST, "analyst"],
  [WireRole.SENDER, "sender"],
  [WireRole.OPERATOR, "operator"],
]);

/** Roles that were checked before, without repetition. */
export const fromWireRoles = (roles: readonly WireRole[]): Role[] => [
  ...new Set(roles.flatMap((role) => ROLE_OF.get(role) ?? [])),
];

export const toEtag = ({ revision = 0 }: Pick<WorkspaceDocument, "revision">) => `r${revision}`;

/** A workspace as its owners see it: without its secrets. */
export function toWorkspace(document: WorkspaceDocument): Workspace {
  const { identityProvider: provider } = document;
  return create(WorkspaceSchema, {
    name: toWorkspaceName(document._id),
    etag: toEtag(document),
    displayName: document.displayName ?? "",
    defaultTimeZone: document.defaultTimeZone ?? "",
    createTime: timestampFromDate(document.createdAt),
    linkTrackingOff: document.linkTrackingOff ?? false,
    ...(provider === undefined
      ? {}
      : {
          identityProvider: {
            issuer: provider.issuer,
            audience: provider.audience,
            jwksUrl: provider.jwksUrl,
            algorithms: [...provider.algorithms],
            clockSkew: durationFromMs(provider.clockSkewS * 1_000),
            workspaceClaim: provider.workspaceClaim ?? "",
            serviceRoles: provider.serviceRoles.map((role) => WIRE_ROLES[role]),
          },
        }),
  });
}

/** A key without its secrets. */
export function toApiKeyMessage(document: ApiKeyDocument): ApiKey {
  const prefix = toPrefix(document._id);
  const time = (at: Date | undefined) => (at === undefined ? undefined : timestampFromDate(at));
  const times = {
    expireTime: time(document.expiresAt),
    revokeTime: time(document.revokedAt),
    previousSecretExpireTime: time(document.secrets?.[1]?.expiresAt),
    lastUseTime: time(document.lastUsedAt),
  };
  return create(ApiKeySchema, {
    name: toKeyName(document.workspaceId, prefix),
    prefix,
    displayName: document.displayName ?? "",
    roles: (document.roles ?? ["owner"]).map((role) => WIRE_ROLES[role]),
    isPlatform: document.isPlatform ?? false,
    createTime: timestampFromDate(document.createdAt),
    ...Object.fromEntries(Object.entries(times).filter(([, at]) => at !== undefined)),
  });
}

const OUTCOMES = { done: Outcome.DONE, intended: Outcome.INTENDED, failed: Outcome.FAILED } as const;

export function toAuditMessage(document: AuditDocument): AuditEntry {
  const { _id: entryId, at, actor, method, resource, before, after } = document;
  return create(AuditEntrySchema, {
    ...{ entryId, time: timestampFromDate(at), actor, method, resource, outcome: OUTCOMES[document.outcome] },
    ...(before === undefined ? {} : { before: parseAudited(before) }),
    ...(after === undefined ? {} : { after: parseAudited(after) }),
  });
}
