import { InvalidInput, Unavailable } from "../domain/errors.ts";
import type { AccessDirectory } from "../integrations/access-directory.ts";

/** Whoever has named a workspace may have made it just before, by another process; clocks may differ by so much, ms. */
const SKEW_MS = 2_000;
/** Workspaces are read again each second. */
const RETRY_MS = 500;

/** Lets a message pass whose subject names a workspace.
 *  @param named.namedAt when the message was stored.
 *  @throws InvalidInput when there is no such workspace; Unavailable as long as it may have been made a moment ago. */
export function expectWorkspace(
  access: Pick<AccessDirectory, "findWorkspace" | "isAbsent">,
  { workspaceId, namedAt }: { readonly workspaceId: string; readonly namedAt: Date },
): void {
  if (access.findWorkspace(workspaceId) !== undefined) return;
  const words = `${JSON.stringify(workspaceId)} is no workspace`;
  if (!access.isAbsent(workspaceId, new Date(namedAt.getTime() + SKEW_MS)))
    throw new Unavailable("store", { cause: new Error(`${words} that is known yet`), retryAfterMs: RETRY_MS });
  throw new InvalidInput([{ field: "subject", description: words }]);
}
