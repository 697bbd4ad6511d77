import jwt from "jsonwebtoken";
import { z } from "zod";
import { JWT_ALGORITHMS } from "../domain/access/jwt-algorithms.ts";
import { type Role, rolesOfScopes } from "../domain/access/permissions.ts";
import type { IdentityProvider } from "../store/index.ts";
import { JwksCache, type JwksOptions } from "./jwks-cache.ts";

/** A provider and whom it may speak of: the users of one workspace, or of whichever its tokens name. */
export type TrustedProvider = IdentityProvider & { readonly workspaceId: string | undefined };

/** What a verified token says. */
export type TokenIdentity = {
  readonly workspaceId: string;
  readonly subject: string;
  readonly expiresAt: Date;
  /** None: it is a user's. */
  readonly roles: readonly Role[];
};

const isAlgorithm = (name: string): name is jwt.Algorithm => JWT_ALGORITHMS.some((algorithm) => algorithm === name);

const scopesSchema = z.union([z.string().transform((text) => text.split(" ")), z.array(z.string())]).catch([]);
const claimsSchema = z.looseObject({
  sub: z
    .string()
    .min(1)
    .max(128)
    .regex(/^\P{Cc}+$/u),
  exp: z.number(),
  scope: scopesSchema,
  scp: scopesSchema,
});

/** Verifies tokens (JWT, RFC 7519 and 8725) of those whom the engine's settings and its workspaces trust. */
export class IdentityProviders {
  readonly #options: JwksOptions;
  readonly #caches = new Map<string, JwksCache>();
  #byIssuer: ReadonlyMap<string, readonly TrustedProvider[]> = new Map();

  constructor(options: JwksOptions) {
    this.#options = options;
  }

  /** From now on these are trusted and no others. Resolves when the keys of new ones have been asked for once. */
  async trust(providers: readonly TrustedProvider[]): Promise<void> {
    this.#byIssuer = Map.groupBy(providers, ({ issuer }) => issuer);
    const wanted = new Map(providers.map((provider) => [this.#cacheKey(provider), provider]));
    for (const [key, cache] of this.#caches) {
      if (wanted.has(key)) continue;
      cache.stop();
      this.#caches.delete(key);
    }
    const added = [...wanted].flatMap(([key, provider]) => {
      if (this.#caches.has(key)) return [];
      const cache = new JwksCache(provider.jwksUrl, { ...this.#options, allowPrivate: this.#mayBePrivate(provider) });
      this.#caches.set(key, cache);
      return [cache];
    });
    await Promise.all(added.map((cache) => cache.refresh()));
  }

  /** One of the settings is the operator's own, who knows his network; a workspace could feel its way around in it. */
  #mayBePrivate({ workspaceId }: TrustedProvider): boolean {
    return workspaceId === undefined || this.#options.allowPrivate;
  }

  /** What may be read for the settings must not answer for a workspace that names the same address. */
  #cacheKey(provider: TrustedProvider): string {
    return `${this.#mayBePrivate(provider) ? "anywhere" : "public"} ${provider.jwksUrl}`;
  }

  /** Who shows this token, if a trusted provider has signed it for us and it is in force. Synchronous: keys are at hand or not. */
  verify(token: string): TokenIdentity | undefined {
    const decoded = jwt.decode(token, { complete: true });
    if (decoded === null || typeof decoded.payload === "string") return undefined;
    const candidates = this.#byIssuer.get(decoded.payload.iss ?? "") ?? [];
    // What a critical header means is not known here, and so the token isn't (RFC 7515, 4.1.11).
    if (candidates.length === 0 || "crit" in decoded.header) return undefined;
    const identities = candidates.flatMap((provider) => this.#verifyBy(provider, token, decoded.header) ?? []);
    // One that speaks for several workspaces speaks for none: a workspace could claim another's users otherwise.
    const [identity, ...others] = identities;
    return others.some(({ workspaceId }) => workspaceId !== identity?.workspaceId) ? undefined : identity;
  }

  stop(): void {
    for (const cache of this.#caches.values()) cache.stop();
  }

  #verifyBy(provider: TrustedProvider, token: string, header: jwt.JwtHeader): TokenIdentity | undefined {
    if (!isAlgorithm(header.alg) || !provider.algorithms.includes(header.alg)) return undefined;
    const found = this.#caches.get(this.#cacheKey(provider))?.find(header.kid);
    if (found === undefined || (found.algorithm !== undefined && found.algorithm !== header.alg)) return undefined;
    try {
      const claims = claimsSchema.parse(
        jwt.verify(token, found.key, {
          algorithms: [header.alg],
          issuer: provider.issuer,
          audience: provider.audience,
          clockTolerance: provider.clockSkewS,
        }),
      );
      const named = provider.workspaceClaim === undefined ? undefined : claims[provider.workspaceClaim];
      if (provider.workspaceClaim !== undefined && typeof named !== "string") return undefined;
      const workspaceId = provider.workspaceId ?? named;
      if (typeof workspaceId !== "string" || (named !== undefined && named !== workspaceId)) return undefined;
      const claimed = rolesOfScopes([...claims.scope, ...claims.scp]);
      const roles = claimed.filter((role) => provider.serviceRoles.includes(role));
      // One that wants to be a service and may not is not a user instead.
      if (claimed.length > 0 && roles.length === 0) return undefined;
      return {
        workspaceId,
        subject: claims.sub,
        expiresAt: new Date((claims.exp + provider.clockSkewS) * 1_000),
        roles,
      };
    } catch {
      // A token that is not right in any way is simply not a credential; why is nobody's business but its maker's.
      return undefined;
    }
  }
}
