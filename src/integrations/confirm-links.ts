import type { AccessDirectory } from "./access-directory.ts";
import type { Workspace } from "./caller.ts";
import { openToken, sealToken } from "./sealed-tokens.ts";

/** Where the edge serves the confirming of consents. */
export const CONFIRM_PATH = "/confirm";

/** A consent that is to be confirmed. */
export type ToConfirm = { readonly userId: string; readonly requestId: string };

/** Where a consent is confirmed.
 *  @param publicUrl how readers of messages reach the edge; undefined: they do not. */
export function toConfirmUrls(publicUrl: string | undefined) {
  if (publicUrl === undefined) return undefined;
  const base = `${publicUrl.replace(/\/+$/, "")}${CONFIRM_PATH}`;
  return (workspace: Workspace, { userId, requestId }: ToConfirm): string =>
    `${base}?t=${sealToken(workspace, "confirm", JSON.stringify([userId, requestId]))}`;
}

/** @returns undefined for a token that no workspace here has made. */
export function readConfirmToken(
  access: Pick<AccessDirectory, "findWorkspace">,
  token: string,
): (ToConfirm & { readonly workspace: Workspace }) | undefined {
  const opened = openToken(access, "confirm", token);
  if (opened === undefined) return undefined;
  const [userId, requestId]: readonly string[] = JSON.parse(opened.text);
  return userId === undefined || requestId === undefined
    ? undefined
    : { workspace: opened.workspace, userId, requestId };
}
