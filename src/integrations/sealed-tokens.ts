import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from "node:crypto";
import type { AccessDirectory } from "./access-directory.ts";
import type { Workspace } from "./caller.ts";

/** What a token is good for; it is good for nothing else. */
type Purpose = "preferences" | "confirm";

const CIPHER = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const INFO = "intervention-engine sealed tokens";
const TOKEN = /^([\w-]{1,200})\.([\w-]{1,2000})$/;

/** A text for a link that nobody can read, change or make, by its workspace's secret (RFC 5869, AES-256-GCM). The nonce is made of the text,
 *  since a random one would make of every rendering of a message another one: equal texts give equal tokens, and of two others the nonces
 *  are equal with a chance of 2^-96. */
export function sealToken(workspace: Workspace, purpose: Purpose, text: string): string {
  const { key, nonceKey } = toKeys(workspace, purpose);
  const nonce = createHmac("sha256", nonceKey).update(text).digest().subarray(0, NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  const sealed = Buffer.concat([nonce, cipher.getAuthTag(), body]);
  return `${Buffer.from(workspace.id).toString("base64url")}.${sealed.toString("base64url")}`;
}

/** @returns undefined for a token that no workspace here has sealed for the purpose, to the letter. */
export function openToken(
  access: Pick<AccessDirectory, "findWorkspace">,
  purpose: Purpose,
  token: string,
): { readonly workspace: Workspace; readonly text: string } | undefined {
  const [, id = "", sealed = ""] = TOKEN.exec(token) ?? [];
  const workspace = access.findWorkspace(Buffer.from(id, "base64url").toString("utf8"));
  const bytes = Buffer.from(sealed, "base64url");
  if (workspace === undefined || bytes.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const text = open(toKeys(workspace, purpose).key, bytes);
  // The encoding has spare bits, which say nothing and so must not be changed either.
  return text === undefined || sealToken(workspace, purpose, text) !== token ? undefined : { workspace, text };
}

function open(key: Uint8Array, bytes: Buffer): string | undefined {
  const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  try {
    const body = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES));
    return Buffer.concat([body, decipher.final()]).toString("utf8");
  } catch {
    // Not what we have sealed: nobody's token.
    return undefined;
  }
}

function toKeys({ idSecret }: Workspace, purpose: Purpose) {
  const keys = Buffer.from(hkdfSync("sha256", idSecret, new Uint8Array(), `${INFO}:${purpose}`, 64));
  return { key: keys.subarray(0, 32), nonceKey: keys.subarray(32) };
}
