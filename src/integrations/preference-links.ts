import type { AccessDirectory } from "./access-directory.ts";
import type { Workspace } from "./caller.ts";
import { openToken, sealToken } from "./sealed-tokens.ts";

/** Where the edge serves a user's preferences. */
export const PREFERENCES_PATH = "/preferences";

/** Where a user of a workspace says what he wants to get.
 *  @param publicUrl how readers of messages reach the edge; undefined: they do not. */
export function toPreferenceUrls(access: Pick<AccessDirectory, "findWorkspace">, publicUrl: string | undefined) {
  if (publicUrl === undefined) return undefined;
  const base = `${publicUrl.replace(/\/+$/, "")}${PREFERENCES_PATH}`;
  return (workspaceId: string, userId: string): string | undefined => {
    const workspace = access.findWorkspace(workspaceId);
    return workspace === undefined ? undefined : `${base}?t=${toPreferenceToken(workspace, userId)}`;
  };
}

/** What such a link carries. It has no end, since a mail is read when it is read, and ends with the user's profile. */
export const toPreferenceToken = (workspace: Workspace, userId: string): string =>
  sealToken(workspace, "preferences", userId);

/** @returns undefined for a token that no workspace here has made. */
export function readPreferenceToken(
  access: Pick<AccessDirectory, "findWorkspace">,
  token: string,
): { readonly workspace: Workspace; readonly userId: string } | undefined {
  const opened = openToken(access, "preferences", token);
  return opened && { workspace: opened.workspace, userId: opened.text };
}
