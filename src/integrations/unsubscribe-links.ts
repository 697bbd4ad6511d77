import { createHmac, timingSafeEqual } from "node:crypto";
import { OUTSIDE_CHANNELS, type OutsideChannelName } from "../domain/delivery/channel-names.ts";
import { type AddressOf, toAddressHash } from "../store/index.ts";
import type { AccessDirectory } from "./access-directory.ts";
import type { Workspace } from "./caller.ts";
import { toPreferenceToken } from "./preference-links.ts";

/** Whom an unsubscribe link is for: an address by its hash, as suppressions know it. */
export type Unsubscriber = {
  readonly workspaceId: string;
  readonly channel: OutsideChannelName;
  readonly addressHash: string;
  /** Whose message has the link; absent in links of old. */
  readonly interventionId?: string;
};

/** A message with such a link. */
export type UnsubscribableMessage = AddressOf & { readonly userId: string; readonly interventionId: string };

const VERSION = 1;
const SIGNATURE_BYTES = 16;
const TOKEN = /^([\w-]{1,400})\.([\w-]{22})$/;

/** Where the edge serves unsubscribing. */
export const UNSUBSCRIBE_PATH = "/unsubscribe";

/** Where an address of a workspace unsubscribes, and is led to everything else that its user can choose.
 *  @param publicUrl how readers of mail reach the edge; undefined: they do not. */
export function toUnsubscribeUrls(access: Pick<AccessDirectory, "findWorkspace">, publicUrl: string | undefined) {
  if (publicUrl === undefined) return undefined;
  const base = `${publicUrl.replace(/\/+$/, "")}${UNSUBSCRIBE_PATH}`;
  return (workspaceId: string, message: UnsubscribableMessage): string | undefined => {
    const workspace = access.findWorkspace(workspaceId);
    if (workspace === undefined) return undefined;
    const { userId, channel, interventionId } = message;
    const who = { channel, addressHash: toAddressHash(workspace, message), interventionId };
    return `${base}?t=${toUnsubscribeToken(workspace, who)}&p=${toPreferenceToken(workspace, userId)}`;
  };
}

/** What an unsubscribe link carries: it names no address, is good for nothing else, and has no end, since a mail is read when it is read. */
function toUnsubscribeToken(workspace: Workspace, who: Omit<Required<Unsubscriber>, "workspaceId">): string {
  const { channel, addressHash, interventionId } = who;
  const said = JSON.stringify([VERSION, workspace.id, channel, addressHash, interventionId]);
  const payload = Buffer.from(said).toString("base64url");
  return `${payload}.${sign(workspace, payload).toString("base64url")}`;
}

/** @returns undefined for a token that no workspace here has signed. */
export function readUnsubscribeToken(
  access: Pick<AccessDirectory, "findWorkspace">,
  token: string,
): Unsubscriber | undefined {
  const [, payload = "", signature = ""] = TOKEN.exec(token) ?? [];
  const [version, workspaceId, channel, addressHash, interventionId] = parse(payload);
  const workspace = access.findWorkspace(String(workspaceId));
  const known = OUTSIDE_CHANNELS.find((name) => name === channel);
  if (version !== VERSION || workspace === undefined || known === undefined || typeof addressHash !== "string")
    return undefined;
  const given = Buffer.from(signature, "base64url");
  const isSigned = given.length === SIGNATURE_BYTES && timingSafeEqual(given, sign(workspace, payload));
  if (!isSigned) return undefined;
  const message = typeof interventionId === "string" ? { interventionId } : {};
  return { workspaceId: workspace.id, channel: known, addressHash, ...message };
}

function sign({ idSecret }: Workspace, payload: string): Buffer {
  return createHmac("sha256", idSecret).update(`unsubscribe:${payload}`).digest().subarray(0, SIGNATURE_BYTES);
}

function parse(payload: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
    return Array.isArray(value) ? value : [];
  } catch {
    // Not what we write: nobody's token.
    return [];
  }
}
