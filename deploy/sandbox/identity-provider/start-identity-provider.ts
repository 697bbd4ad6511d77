import type { IncomingMessage, ServerResponse } from "node:http";
import { z } from "zod";
import { Faults } from "../faults/faults.ts";
import {
  type FaultyServer,
  type Place,
  parseJson,
  readBody,
  sendJson,
  serveWithFaults,
} from "../faults/serve-with-faults.ts";
import { type Client, grantToken } from "./grant-token.ts";
import { SIGNING_ALGORITHMS, type SigningAlgorithm, SigningKeys } from "./signing-keys.ts";

export type IdentityProviderOptions = Place & {
  /** What `aud` says. Default: intervention-engine. */
  readonly audience?: string;
  /** Default: its own address. */
  readonly issuer?: string;
  /** Default: RS256. */
  readonly algorithm?: SigningAlgorithm;
  /** Of one that ran before. Default: new ones. */
  readonly keys?: SigningKeys;
  /** Default: one, `shop-backend` with the secret `sandbox`, who may have every scope of the engine. */
  readonly clients?: readonly Client[];
  /** Default: an hour. */
  readonly tokenTtlS?: number;
  /** Default: none; `/faults` sets them in any case. */
  readonly faults?: Faults;
};

export type SandboxIdentityProvider = FaultyServer & {
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUrl: string;
  /** Signs a token whatever is asked: tests need some while it is down. */
  issue(grant: {
    readonly subject: string;
    readonly scope?: string;
    readonly workspace?: string | undefined;
  }): Promise<string>;
  /** See `POST /rotate`. @returns the new key's id. */
  rotate(options?: { readonly alg?: SigningAlgorithm; readonly withdraw?: boolean }): Promise<string>;
};

const ENGINE_SCOPES = ["owner", "editor", "analyst", "sender", "operator"].map((role) => `intervention.${role}`);
const DEFAULT_CLIENTS: readonly Client[] = [{ id: "shop-backend", secret: "sandbox", scopes: ENGINE_SCOPES }];
const STATUS = { invalid_client: 401, invalid_request: 400, invalid_scope: 400, unsupported_grant_type: 400 } as const;

const rotation = z.strictObject({
  /** Of the new key. Default: as at the start. */
  alg: z.enum(SIGNING_ALGORITHMS).optional(),
  /** Publishes the key before no more. */
  withdraw: z.boolean().default(false),
});

/** Issues tokens (JWT) to services and shoppers, and publishes its keys: `POST /token`, `GET /.well-known/jwks.json`,
 *  `GET /.well-known/openid-configuration`, and `POST /rotate` to sign by another key from now on. */
export async function startIdentityProvider(options: IdentityProviderOptions = {}): Promise<SandboxIdentityProvider> {
  const {
    algorithm = "RS256",
    audience = "intervention-engine",
    clients = DEFAULT_CLIENTS,
    tokenTtlS = 3_600,
  } = options;
  const keys = options.keys ?? (await SigningKeys.generate(algorithm));
  const routes: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => Promise<void>>> = {
    "GET /.well-known/jwks.json": async (_, response) => sendJson(response, 200, await keys.toJwks()),
    "GET /.well-known/openid-configuration": async (_, response) => sendJson(response, 200, discover()),
    "POST /token": async (request, response) => {
      const grant = grantToken(await readBody(request), clients);
      if ("error" in grant)
        return sendJson(response, STATUS[grant.error], { error: grant.error, error_description: grant.description });
      const token = { access_token: await issue(grant), token_type: "Bearer", expires_in: tokenTtlS };
      sendJson(response, 200, grant.scope === "" ? token : { ...token, scope: grant.scope });
    },
    "POST /rotate": async (request, response) => {
      const body = await readBody(request);
      const parsed = rotation.safeParse(body === "" ? {} : parseJson(body));
      if (!parsed.success) return sendJson(response, 400, { error: z.prettifyError(parsed.error) });
      const { alg = algorithm, withdraw } = parsed.data;
      sendJson(response, 200, { kid: await keys.rotate(alg, { isOldWithdrawn: withdraw }) });
    },
  };
  const server = await serveWithFaults(options, { "/faults": options.faults ?? new Faults() }, (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://sandbox");
    const route = routes[`${request.method} ${pathname}`];
    if (route === undefined) return sendJson(response, 404, { error: `there is ${Object.keys(routes).join(", ")}` });
    route(request, response).catch((error: unknown) => {
      // A body that is too long, or a caller who has gone.
      if (response.headersSent) response.destroy();
      else sendJson(response, 400, { error: String(error) });
    });
  });
  const issuer = options.issuer ?? server.url;

  function discover() {
    return {
      issuer,
      jwks_uri: `${server.url}/.well-known/jwks.json`,
      token_endpoint: `${server.url}/token`,
      grant_types_supported: ["client_credentials", "password"],
      token_endpoint_auth_methods_supported: ["client_secret_post"],
      id_token_signing_alg_values_supported: SIGNING_ALGORITHMS,
      response_types_supported: [],
      subject_types_supported: ["public"],
      scopes_supported: ENGINE_SCOPES,
    };
  }

  async function issue(grant: Parameters<SandboxIdentityProvider["issue"]>[0]): Promise<string> {
    const { scope = "", subject, workspace } = grant;
    const now = Math.floor(Date.now() / 1_000);
    return await keys.sign({
      ...{ iss: issuer, aud: audience, sub: subject, iat: now, exp: now + tokenTtlS },
      ...(scope === "" ? {} : { scope }),
      ...(workspace === undefined ? {} : { workspace }),
    });
  }

  return {
    ...server,
    issuer,
    audience,
    jwksUrl: `${server.url}/.well-known/jwks.json`,
    issue,
    rotate: ({ alg = algorithm, withdraw = false } = {}) => keys.rotate(alg, { isOldWithdrawn: withdraw }),
  };
}
