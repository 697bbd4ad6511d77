import { createHash, randomBytes } from "node:crypto";
import jwt from "jsonwebtoken";
import { Binary } from "mongodb";
import type { Logger } from "pino";
import { z } from "zod";
import { insertApiKey, insertWorkspace, listApiKeys, listWorkspaces, type Store } from "../store/index.ts";

/** A tenant, as everything inside knows it. */
export type Workspace = { readonly id: string; readonly idSecret: Uint8Array; readonly createdAt: Date };
/** A service that has shown an API key. */
export type ServiceCaller = { readonly kind: "service"; readonly workspace: Workspace };
/** A user's browser or app that has shown a token. */
export type UserCaller = {
  readonly kind: "user";
  readonly workspace: Workspace;
  readonly userId: string;
  readonly tokenExpiresAt: Date;
};
export type Caller = ServiceCaller | UserCaller;

type Entry = { readonly workspace: Workspace; readonly tokenSecret: Buffer };

const REFRESH_MS = 1_000;
const AUDIENCE = "intervention.user";
const claims = z.object({ sub: z.string().min(1), exp: z.number() });

/** Workspaces and keys, kept in memory and read again each second. */
export class AccessDirectory {
  readonly #store: Store;
  readonly #log: Logger;
  readonly #timer: NodeJS.Timeout;
  #workspaces = new Map<string, Entry>();
  #keys = new Map<string, string>();
  #isRefreshing = false;

  private constructor(store: Store, log: Logger) {
    this.#store = store;
    this.#log = log;
    this.#timer = setInterval(() => void this.#refreshQuietly(), REFRESH_MS);
  }

  static async start(store: Store, log: Logger): Promise<AccessDirectory> {
    const directory = new AccessDirectory(store, log);
    await directory.refresh();
    return directory;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Every workspace there is. */
  workspaces(): Workspace[] {
    return [...this.#workspaces.values()].map(({ workspace }) => workspace);
  }

  /** Who holds this API key, if anybody. */
  findService(apiKey: string): ServiceCaller | undefined {
    const entry = this.#workspaces.get(this.#keys.get(hashApiKey(apiKey)) ?? "");
    return entry === undefined ? undefined : { kind: "service", workspace: entry.workspace };
  }

  /** Whose token this is, if it is one of ours and has not ended. Synchronous: a socket is refused before it is opened. */
  findUser(token: string): UserCaller | undefined {
    const header = jwt.decode(token, { complete: true })?.header;
    const entry = this.#workspaces.get(header?.kid ?? "");
    if (entry === undefined) return undefined;
    try {
      const { sub, exp } = claims.parse(
        jwt.verify(token, entry.tokenSecret, { algorithms: ["HS256"], audience: AUDIENCE }),
      );
      return { kind: "user", workspace: entry.workspace, userId: sub, tokenExpiresAt: new Date(exp * 1_000) };
    } catch {
      // A token that is not right in any way is simply not a credential; why is nobody's business but its maker's.
      return undefined;
    }
  }

  /** Makes a user's token. */
  mintUserToken(options: {
    readonly workspaceId: string;
    readonly userId: string;
    readonly ttlMs: number;
  }): { token: string; expiresAt: Date } | undefined {
    const entry = this.#workspaces.get(options.workspaceId);
    if (entry === undefined) return undefined;
    const exp = Math.floor((Date.now() + options.ttlMs) / 1_000);
    const token = jwt.sign({ sub: options.userId, aud: AUDIENCE, exp }, entry.tokenSecret, {
      algorithm: "HS256",
      keyid: options.workspaceId,
    });
    return { token, expiresAt: new Date(exp * 1_000) };
  }

  /** Reads everything again. */
  async refresh(): Promise<void> {
    const [workspaces, keys] = await Promise.all([listWorkspaces(this.#store), listApiKeys(this.#store)]);
    this.#workspaces = new Map(
      workspaces.map(({ _id: id, createdAt, idSecret, tokenSecret }) => [
        id,
        { workspace: { id, createdAt, idSecret: idSecret.value() }, tokenSecret: Buffer.from(tokenSecret.value()) },
      ]),
    );
    this.#keys = new Map(keys.map(({ _id, workspaceId }) => [_id, workspaceId]));
  }

  async #refreshQuietly(): Promise<void> {
    if (this.#isRefreshing) return;
    this.#isRefreshing = true;
    try {
      await this.refresh();
    } catch (error) {
      this.#log.warn(
        { event: "access_stale", err: error },
        "workspaces and keys can't be read at the moment: what was known stays in force",
      );
    } finally {
      this.#isRefreshing = false;
    }
  }
}

/** Keys are 256 random bits, so that a plain hash is enough to keep them. */
const hashApiKey = (apiKey: string) => createHash("sha256").update(apiKey).digest("hex");

/** Makes a workspace unless it is there, and gives it a key; the key is shown here and never again.
 *  @param apiKey one that was made before, for a store that does not know it. Default: a new one. */
export async function createWorkspace(
  store: Store,
  id: string,
  apiKey = `iek_${randomBytes(32).toString("base64url")}`,
): Promise<{ apiKey: string }> {
  const createdAt = new Date();
  await insertWorkspace(store, {
    _id: id,
    createdAt,
    tokenSecret: new Binary(randomBytes(32)),
    idSecret: new Binary(randomBytes(32)),
  });
  await insertApiKey(store, { _id: hashApiKey(apiKey), workspaceId: id, createdAt });
  return { apiKey };
}
