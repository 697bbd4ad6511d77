import { isSameHash, type ParsedApiKey, toPrefix } from "../domain/access/api-key.ts";
import { type Permission, permissionsOf } from "../domain/access/permissions.ts";
import type { ApiKeyDocument, KeySecret } from "../store/index.ts";

/** A key that opens something. */
export type RingKey = {
  readonly id: string;
  readonly prefix: string;
  readonly workspaceId: string;
  readonly permissions: ReadonlySet<Permission>;
};

type Entry = RingKey & { readonly secrets: readonly KeySecret[]; readonly expiresAt: Date | undefined };

/** The keys that were not revoked, by prefix, in memory. */
export class KeyRing {
  #entries: ReadonlyMap<string, Entry> = new Map();

  replace(documents: readonly ApiKeyDocument[]): void {
    this.#entries = new Map(
      documents
        .filter(({ revokedAt }) => revokedAt === undefined)
        .map((document) => [toPrefix(document._id), toEntry(document)]),
    );
  }

  /** The key, if it is one of these and in force. */
  find({ prefix, hash }: ParsedApiKey, now: Date): RingKey | undefined {
    const entry = this.#entries.get(prefix);
    if (entry === undefined || hasEnded(entry.expiresAt, now)) return undefined;
    const secret = entry.secrets.find((candidate) => isSameHash(candidate.hash, hash));
    return secret === undefined || hasEnded(secret.expiresAt, now) ? undefined : entry;
  }
}

/** A key's secrets; of one that an earlier version made it is the id. */
export const secretsOf = ({ _id, secrets }: Pick<ApiKeyDocument, "_id" | "secrets">): readonly KeySecret[] =>
  secrets ?? [{ hash: _id }];

function toEntry(document: ApiKeyDocument): Entry {
  const { _id: id, workspaceId, expiresAt } = document;
  // Before there were roles every key could do everything.
  const permissions = permissionsOf(document.roles ?? ["owner"], { isPlatform: document.isPlatform ?? false });
  return { id, prefix: toPrefix(id), workspaceId, permissions, secrets: secretsOf(document), expiresAt };
}

const hasEnded = (at: Date | undefined, now: Date) => at !== undefined && at.getTime() <= now.getTime();
