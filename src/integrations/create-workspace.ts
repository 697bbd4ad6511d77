import { randomBytes } from "node:crypto";
import { Binary } from "mongodb";
import { isSameHash, parseApiKey, toApiKey, toKeyPrefix } from "../domain/access/api-key.ts";
import {
  type ApiKeyDocument,
  findApiKey,
  insertApiKey,
  insertWorkspace,
  type Store,
  setPlatformKey,
  type WorkspaceDocument,
} from "../store/index.ts";
import { secretsOf } from "./key-ring.ts";

/** The key was known and has been revoked or rotated since: it is not brought back. */
export class KeyEnded extends Error {}

/** Makes a key.
 *  @param prefix of a key that is given a new secret. Default: a new one. */
export function newApiKey(prefix = toKeyPrefix(randomBytes(12))): { apiKey: string; prefix: string; hash: string } {
  const apiKey = toApiKey(prefix, randomBytes(32));
  return { apiKey, prefix, hash: parseApiKey(apiKey).hash };
}

export function newWorkspace(id: string, createdAt: Date): WorkspaceDocument {
  const [tokenSecret, idSecret] = [new Binary(randomBytes(32)), new Binary(randomBytes(32))];
  return { _id: id, createdAt, tokenSecret, idSecret };
}

/** Makes a workspace unless it is there, and gives it an owner's key; the key is shown here and never again.
 *  @param apiKey one that was made before, for a store that does not know it. Default: a new one.
 *  @param options.isPlatform the key may make and administer other workspaces too. Default: no.
 *  @throws KeyEnded */
export async function createWorkspace(
  store: Store,
  id: string,
  apiKey = newApiKey().apiKey,
  options: { readonly isPlatform?: boolean } = {},
): Promise<{ apiKey: string }> {
  const createdAt = new Date();
  await insertWorkspace(store, newWorkspace(id, createdAt));
  const { prefix, hash } = parseApiKey(apiKey);
  const isOfEarlierVersion = hash.startsWith(prefix);
  const document: ApiKeyDocument = {
    ...(isOfEarlierVersion ? { _id: hash } : { _id: prefix, secrets: [{ hash }] }),
    ...{ workspaceId: id, createdAt, displayName: "first key", roles: ["owner"] },
  };
  await insertApiKey(store, document);
  const stored = await findApiKey(store, document._id);
  if (stored === undefined || stored.revokedAt !== undefined || !isNewestSecret(stored, hash))
    throw new KeyEnded(`the key ${prefix} of workspace "${id}" was revoked, or has another secret by now`);
  if (options.isPlatform === true && stored.isPlatform !== true) await setPlatformKey(store, stored._id);
  return { apiKey };
}

function isNewestSecret(stored: ApiKeyDocument, hash: string): boolean {
  const [newest] = secretsOf(stored);
  return newest !== undefined && isSameHash(newest.hash, hash);
}
