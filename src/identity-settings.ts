import type { Config } from "./config.ts";
import { ROLES } from "./domain/access/permissions.ts";
import type { AccessOptions } from "./integrations/access-directory.ts";
import type { TrustedProvider } from "./integrations/identity-providers.ts";

/** Whom the settings trust, in the form that the access directory takes. */
export function toIdentitySettings(
  config: Config,
): Required<Pick<AccessOptions, "providers" | "jwks" | "gatewaySecrets">> {
  const { JWT_ISSUER: issuer, JWT_AUDIENCE: audience, JWKS_URL: jwksUrl } = config;
  const provider: TrustedProvider[] =
    issuer === undefined || audience === undefined || jwksUrl === undefined
      ? []
      : [
          {
            ...{ issuer, audience, jwksUrl, algorithms: config.JWT_ALGORITHMS },
            clockSkewS: config.JWT_CLOCK_SKEW_S,
            workspaceClaim: config.JWT_WORKSPACE_CLAIM,
            serviceRoles: ROLES.filter((role) => config.JWT_SERVICE_ROLES.includes(role)),
            workspaceId: undefined,
          },
        ];
  return {
    providers: provider,
    jwks: {
      refreshMs: config.JWKS_REFRESH_MS,
      staleMsMax: config.JWKS_STALE_MS_MAX,
      cooldownMs: config.JWKS_COOLDOWN_MS,
      // Clear text is for closed networks, whose addresses are private.
      allowPrivate: config.JWKS_ALLOW_PRIVATE || config.ALLOW_HTTP_JWKS,
    },
    gatewaySecrets: config.GATEWAY_SHARED_SECRETS,
  };
}
