import { Buffer } from "node:buffer";
import type { Logger } from "pino";
import { parseApiKey } from "../domain/access/api-key.ts";
import { type ForwardedVerdict, readForwarded } from "../domain/access/forwarded-identity.ts";
import { permissionsOf } from "../domain/access/permissions.ts";
import { listApiKeys, listWorkspaces, noteKeysUsed, type Store, type WorkspaceDocument } from "../store/index.ts";
import type { AccessChanges } from "./access-changes.ts";
import type { Caller, ServiceCaller, UserCaller, Workspace } from "./caller.ts";
import { IdentityProviders, type TrustedProvider } from "./identity-providers.ts";
import type { JwksOptions } from "./jwks-cache.ts";
import { KeptFresh } from "./kept-fresh.ts";
import { KeyRing } from "./key-ring.ts";
import { findTokenWorkspace, signOwnToken, verifyOwnToken } from "./own-tokens.ts";

export type { Caller, ServiceCaller, UserCaller, Workspace } from "./caller.ts";
export { createWorkspace } from "./create-workspace.ts";

/** What a directory can be given beside the store. */
export type AccessOptions = {
  /** Tells and hears of changes. Default: what others change is seen within a second. */
  readonly changes?: AccessChanges;
  /** Trusted by the settings. Default: those of the workspaces only. */
  readonly providers?: readonly TrustedProvider[];
  readonly jwks?: Omit<JwksOptions, "log" | "metrics">;
  readonly metrics?: JwksOptions["metrics"];
  /** Shared with an API gateway whose word on callers is then taken. Default: nobody's is. */
  readonly gatewaySecrets?: readonly string[];
  /** Everything is read again this often, whether or not anybody tells of a change. Default: each second. */
  readonly refreshMs?: number;
  /** When keys were last used is entered this often. Default: each minute. */
  readonly noteUseMs?: number;
};

type Entry = { readonly workspace: Workspace; readonly tokenSecret: Buffer };

const NOTE_USE_MS = 60_000;
const JWKS_DEFAULTS = { refreshMs: 60_000, staleMsMax: 3_600_000, cooldownMs: 10_000, allowPrivate: false };
/** A user who comes through a gateway is let in without a token; a socket of his asks again by then. */
const FORWARDED_USER_MS = 3_600_000;

/** Workspaces, keys and whose tokens are trusted, kept in memory and read again each second and whenever somebody changes them. */
export class AccessDirectory {
  readonly #store: Store;
  readonly #log: Logger;
  readonly #options: AccessOptions;
  readonly #fresh: KeptFresh;
  readonly #noteTimer: NodeJS.Timeout;
  readonly #providers: IdentityProviders;
  readonly #keys = new KeyRing();
  #usedKeys = new Set<string>();
  #workspaces: ReadonlyMap<string, Entry> = new Map();
  #asOfMs = Number.NEGATIVE_INFINITY;

  private constructor(store: Store, log: Logger, options: AccessOptions) {
    this.#store = store;
    this.#log = log;
    this.#options = options;
    this.#providers = new IdentityProviders({ ...JWKS_DEFAULTS, ...options.jwks, metrics: options.metrics, log });
    this.#fresh = new KeptFresh({
      refresh: () => this.refresh(),
      onStale: (error) =>
        log.warn(
          { event: "access_stale", err: error },
          "workspaces and keys can't be read at the moment: what was known stays in force",
        ),
      everyMs: options.refreshMs,
    });
    options.changes?.onChange(() => void this.#fresh.now());
    this.#noteTimer = setInterval(() => void this.#noteUse(), options.noteUseMs ?? NOTE_USE_MS);
  }

  static async start(store: Store, log: Logger, options: AccessOptions = {}): Promise<AccessDirectory> {
    const directory = new AccessDirectory(store, log, options);
    await (await directory.refresh()).providersAsked;
    return directory;
  }

  stop(): void {
    this.#fresh.stop();
    clearInterval(this.#noteTimer);
    this.#options.changes?.stop();
    this.#providers.stop();
  }

  /** Every workspace there is. */
  workspaces(): Workspace[] {
    return [...this.#workspaces.values()].map(({ workspace }) => workspace);
  }

  findWorkspace(id: string): Workspace | undefined {
    return this.#workspaces.get(id)?.workspace;
  }

  /** Whether there was no such workspace at a time: false as long as everything has not been read again since. */
  isAbsent(id: string, at: Date): boolean {
    return !this.#workspaces.has(id) && this.#asOfMs >= at.getTime();
  }

  /** Which service shows this API key or token, if any. */
  findService(credential: string): ServiceCaller | undefined {
    const { prefix, hash } = parseApiKey(credential);
    const key = this.#keys.find({ prefix, hash }, new Date());
    if (key !== undefined) {
      const { permissions, id } = key;
      const workspace = this.findWorkspace(key.workspaceId);
      if (workspace === undefined) return undefined;
      this.#usedKeys.add(id);
      return {
        kind: "service",
        workspace,
        actor: `key/${prefix}`,
        permissions,
        credential: { kind: "key", prefix, hash },
      };
    }
    const identity = this.#providers.verify(credential);
    const workspace = this.findWorkspace(identity?.workspaceId ?? "");
    if (identity === undefined || workspace === undefined || identity.roles.length === 0) return undefined;
    return {
      ...{ kind: "service", workspace, actor: `token/${identity.subject}` },
      ...{ permissions: permissionsOf(identity.roles), credential: { kind: "token", token: credential } },
    };
  }

  /** Whose token this is, if it is one of ours or of a provider that is trusted, and has not ended. Synchronous: a socket is
   *  refused before it is opened. */
  findUser(token: string): UserCaller | undefined {
    const entry = this.#workspaces.get(findTokenWorkspace(token) ?? "");
    if (entry !== undefined) {
      const own = verifyOwnToken(token, entry.tokenSecret);
      if (own === undefined) return undefined;
      return { kind: "user", workspace: entry.workspace, userId: own.userId, tokenExpiresAt: own.expiresAt };
    }
    const identity = this.#providers.verify(token);
    const workspace = this.findWorkspace(identity?.workspaceId ?? "");
    if (identity === undefined || workspace === undefined || identity.roles.length > 0) return undefined;
    return { kind: "user", workspace, userId: identity.subject, tokenExpiresAt: identity.expiresAt };
  }

  /** Whom an API gateway says it has let in: absent when it says nothing, refused when that is not proven. */
  findForwarded(request: {
    readonly path: string;
    readonly header: (name: string) => string;
  }): Caller | Exclude<ForwardedVerdict["kind"], "proven"> {
    const now = new Date();
    const verdict = readForwarded(request, this.#options.gatewaySecrets ?? [], now);
    if (verdict.kind !== "proven") return verdict.kind;
    const { workspaceId, user, roles } = verdict.identity;
    const workspace = this.findWorkspace(workspaceId);
    if (workspace === undefined) return "refused";
    if (roles.length === 0)
      return { kind: "user", workspace, userId: user, tokenExpiresAt: new Date(now.getTime() + FORWARDED_USER_MS) };
    const permissions = permissionsOf(roles);
    return { kind: "service", workspace, actor: `gateway/${user}`, permissions, credential: { kind: "gateway" } };
  }

  /** Whether what a service was let in by still opens the door: asked again and again while a stream of its runs. */
  isInForce({ credential }: ServiceCaller): boolean {
    switch (credential.kind) {
      case "key":
        return this.#keys.find(credential, new Date()) !== undefined;
      case "token":
        return this.#providers.verify(credential.token) !== undefined;
      case "gateway":
        return true;
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
    const expiresAt = new Date(Date.now() + options.ttlMs);
    return signOwnToken({ ...options, expiresAt }, entry.tokenSecret);
  }

  /** Somebody has changed workspaces or keys: reads them again, here and everywhere. */
  async changed(): Promise<void> {
    this.#options.changes?.tell();
    await this.#fresh.now();
  }

  /** Reads everything again. Resolves when it is in force; `providersAsked` when new providers' keys have been asked for too. */
  async refresh(): Promise<{ readonly providersAsked: Promise<void> }> {
    const beganMs = Date.now();
    const [workspaces, keys] = await Promise.all([listWorkspaces(this.#store), listApiKeys(this.#store)]);
    this.#workspaces = new Map(workspaces.map((document) => [document._id, toEntry(document)]));
    this.#asOfMs = beganMs;
    this.#keys.replace(keys);
    const own = workspaces.flatMap(({ _id, identityProvider }) =>
      identityProvider === undefined ? [] : [{ ...identityProvider, workspaceId: _id }],
    );
    return { providersAsked: this.#providers.trust([...(this.#options.providers ?? []), ...own]) };
  }

  async #noteUse(): Promise<void> {
    const used = [...this.#usedKeys];
    this.#usedKeys = new Set();
    try {
      await noteKeysUsed(this.#store, used, new Date());
    } catch (error) {
      this.#log.warn(
        { event: "key_use_not_noted", err: error },
        "when keys were last used can't be noted at the moment",
      );
    }
  }
}

function toEntry(document: WorkspaceDocument): Entry {
  const { _id: id, createdAt, defaultTimeZone, limits, alarms, linkTrackingOff } = document;
  const more = {
    ...(defaultTimeZone === undefined || defaultTimeZone === "" ? {} : { defaultTimeZone }),
    ...(limits === undefined ? {} : { limits }),
    ...(alarms === undefined ? {} : { alarms }),
    ...(linkTrackingOff === true ? { linkTrackingOff } : {}),
  };
  return {
    workspace: { id, createdAt, idSecret: document.idSecret.value(), ...more },
    tokenSecret: Buffer.from(document.tokenSecret.value()),
  };
}
