import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import type { AdminService } from "../../gen/intervention/v1/admin_service_pb.js";
import { NotFound } from "../domain/errors.ts";
import type { ServiceCaller } from "../integrations/access-directory.ts";
import { findWorkspace, listAuditEntries, toBoundary } from "../store/index.ts";
import { parseWorkspaceName } from "./admin-names.ts";
import type { AdminParts } from "./admin-service.ts";
import { getService } from "./authenticate.ts";
import { checked, parseFields, timestamp } from "./field-checks.ts";
import { parsePageSize, parsePageToken, toPageToken } from "./page-token.ts";
import { toAuditMessage } from "./to-admin.ts";

const PAGE_SIZE = { fallback: 50, max: 1_000 };
const EXPORTED_AT_ONCE = 500;
const positionSchema = z.tuple([z.string().regex(/^\d{15}-/)]);
const exportSchema = z.object({ startTime: checked(timestamp).optional(), endTime: checked(timestamp).optional() });

/** Who changed what. */
export function auditMethods({
  store,
  now,
}: AdminParts): Pick<ServiceImpl<typeof AdminService>, "listAuditEntries" | "exportAuditEntries"> {
  const findOwn = async (parent: string, caller: ServiceCaller) => {
    const id = parseWorkspaceName(parent, caller, "parent");
    const workspace = await findWorkspace(store, id);
    if (workspace === undefined) throw new NotFound("workspace", id);
    return workspace;
  };
  return {
    async listAuditEntries(request, context) {
      const { _id: workspaceId, createdAt } = await findOwn(request.parent, getService(context.values));
      const size = parsePageSize(request.pageSize, PAGE_SIZE);
      const scope = ["audit", workspaceId];
      const position = parsePageToken(request.pageToken, scope, positionSchema);
      const before = position === undefined ? {} : { before: position[0] };
      const found = await listAuditEntries(store, {
        ...{ workspaceId, since: createdAt, now: now(), limit: size + 1 },
        ...before,
      });
      const page = found.slice(0, size);
      const last = page.at(-1);
      const nextPageToken = found.length > size && last !== undefined ? toPageToken([last.position], scope) : "";
      return { entries: page.map(toAuditMessage), nextPageToken };
    },
    async *exportAuditEntries(request, context) {
      const { _id: workspaceId, createdAt } = await findOwn(request.parent, getService(context.values));
      const { startTime, endTime } = parseFields(exportSchema, request);
      const startMs = startTime === undefined ? 0 : timestampDate(startTime).getTime();
      const since = new Date(Math.max(startMs, createdAt.getTime()));
      let before = endTime === undefined ? undefined : toBoundary(timestampDate(endTime));
      while (!context.signal.aborted) {
        const page = await listAuditEntries(store, {
          ...{ workspaceId, since, now: now(), limit: EXPORTED_AT_ONCE },
          ...(before === undefined ? {} : { before }),
        });
        for (const document of page) yield { entry: toAuditMessage(document) };
        before = page.at(-1)?.position;
        if (page.length < EXPORTED_AT_ONCE) return;
      }
    },
  };
}
