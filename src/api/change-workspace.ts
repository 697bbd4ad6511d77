import type { JsonValue } from "@bufbuild/protobuf";
import { NotFound, StaleEtag } from "../domain/errors.ts";
import type { ServiceCaller } from "../integrations/access-directory.ts";
import {
  changeWorkspace,
  insertAuditEntry,
  inTransaction,
  listWorkspaces,
  type WorkspaceChange,
  type WorkspaceDocument,
} from "../store/index.ts";
import { toWorkspaceName } from "./admin-names.ts";
import type { AdminParts } from "./admin-service.ts";
import { toAuditEntry } from "./audit.ts";
import { toEtag } from "./to-admin.ts";

/** A change of a workspace. */
type WorkspaceUpdate = {
  readonly caller: ServiceCaller;
  readonly method: string;
  readonly id: string;
  /** Empty: whatever it is. */
  readonly etag: string;
  /** What the audit log shows of it; nothing secret. */
  readonly toAudited: (document: WorkspaceDocument) => JsonValue;
  readonly toChange: (workspaces: readonly WorkspaceDocument[]) => Promise<WorkspaceChange>;
};

/** Changes a workspace and writes that down, or does neither; then tells every process.
 *  @returns it as it now is. @throws NotFound; StaleEtag. */
export async function changeAudited(
  { store, access, now }: Pick<AdminParts, "store" | "access" | "now">,
  request: WorkspaceUpdate,
): Promise<WorkspaceDocument> {
  const { id, etag, caller, method, toAudited } = request;
  const changed = await inTransaction(store, async (session) => {
    const workspaces = await listWorkspaces(store, session);
    const before = workspaces.find(({ _id }) => _id === id);
    if (before === undefined) throw new NotFound("workspace", id);
    if (etag !== "" && etag !== toEtag(before)) throw new StaleEtag(toWorkspaceName(id));
    const after = await changeWorkspace(store, id, await request.toChange(workspaces), session);
    if (after === undefined) throw new NotFound("workspace", id);
    const entry = toAuditEntry({
      ...{ workspaceId: id, caller, method, resource: toWorkspaceName(id), at: now() },
      before: toAudited(before),
      after: toAudited(after),
    });
    await insertAuditEntry(store, entry, session);
    return after;
  });
  await access.changed();
  return changed;
}
