import { createHmac, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";

/** A workspace, as far as its secrets go. */
type Keyed = { readonly idSecret: Uint8Array };

/** The beginning of an Ed25519 private key in PKCS #8 (RFC 8410); 32 bytes of seed follow. */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const PUBLIC_KEY_BYTES = 32;

const derive = (workspace: Keyed, ...purpose: string[]) =>
  createHmac("sha256", workspace.idSecret).update(JSON.stringify(purpose)).digest();

/** What an erasure is known by: says nothing of the user to who has not the workspace's secret. */
export const toErasureId = (workspace: Keyed, userId: string) =>
  `er_${derive(workspace, "erasure", userId).toString("hex").slice(0, 40)}`;

function toPrivateKey(workspace: Keyed): KeyObject {
  const seed = derive(workspace, "erasure certificates");
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: "der", type: "pkcs8" });
}

/** Ed25519 over a statement, by the workspace's key for certificates. */
export function signStatement(workspace: Keyed, statement: Uint8Array): Uint8Array {
  return sign(null, statement, toPrivateKey(workspace));
}

/** The key by which anybody can check a certificate: 32 bytes. */
export function toCertificateKey(workspace: Keyed): Uint8Array {
  return createPublicKey(toPrivateKey(workspace)).export({ format: "der", type: "spki" }).subarray(-PUBLIC_KEY_BYTES);
}
