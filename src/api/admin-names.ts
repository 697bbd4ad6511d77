import { InvalidInput, NotFound } from "../domain/errors.ts";
import type { ServiceCaller } from "../integrations/access-directory.ts";
import { show } from "./field-checks.ts";

const WORKSPACE_NAME = /^workspaces\/([^/]+)$/;
const KEY_NAME = /^(?:workspaces\/([^/]+)\/apiKeys\/)?([^/]+)$/;

export const toWorkspaceName = (id: string) => `workspaces/${id}`;
export const toKeyName = (workspaceId: string, prefix: string) => `workspaces/${workspaceId}/apiKeys/${prefix}`;

/** The workspace that a caller means and may administer: its own, or with the platform's key any.
 *  @param name empty: the caller's own. @throws InvalidInput; NotFound when it is another's: whether it exists is nobody's business. */
export function parseWorkspaceName(name: string, caller: ServiceCaller, field: string): string {
  if (name === "") return requireAdministered(caller.workspace.id, caller);
  const id = WORKSPACE_NAME.exec(name)?.[1];
  if (id === undefined) throw new InvalidInput([{ field, description: `${show(name)} is not workspaces/{workspace}` }]);
  return requireAdministered(id, caller);
}

/** A key's workspace and prefix; without the workspace it is the caller's own. */
export function parseKeyName(name: string, caller: ServiceCaller): { workspaceId: string; prefix: string } {
  const [, workspaceId = caller.workspace.id, prefix] = KEY_NAME.exec(name) ?? [];
  if (prefix === undefined)
    throw new InvalidInput([
      {
        field: "name",
        description: `${show(name)} is neither workspaces/{workspace}/apiKeys/{prefix} nor a key's prefix`,
      },
    ]);
  return { workspaceId: requireAdministered(workspaceId, caller), prefix };
}

function requireAdministered(id: string, { workspace, permissions }: ServiceCaller): string {
  const isOwn = id === workspace.id && permissions.has("administer");
  if (!isOwn && !permissions.has("platform")) throw new NotFound("workspace", id);
  return id;
}
