import { InterventionClientError } from "./failure.ts";
import { parseJson, toInteger, toObject, toText } from "./json.ts";

export interface Token {
  readonly value: string;
  /** Whose it is; empty when the token is not a JWT. Read, not verified: that is the engine's matter. */
  readonly owner: string;
  readonly expireTimeMs: number | undefined;
}

export interface TokenSource {
  /** @param isFresh do not use the one at hand. Default: it is used while it lives.
   *  @throws InterventionClientError TOKEN_FAILED */
  get(options?: { readonly isFresh?: boolean }): Promise<Token>;
  /** The newest, without waiting. */
  peek(): Token | undefined;
}

/** A token about to end would be refused on arrival. */
const lifeLeftMsMin = 5_000;

/** Keeps the page's token between connections, so that a flapping network does not become a flood of
 *  calls to whatever mints tokens. */
export function createTokenSource(fetchToken: () => Promise<string> | string, now: () => number): TokenSource {
  let newest: Token | undefined;
  let asked: Promise<Token> | undefined;
  const ask = async (): Promise<Token> => {
    try {
      newest = parseToken(await fetchToken());
      return newest;
    } catch (error) {
      if (error instanceof InterventionClientError) throw error;
      throw new InterventionClientError("TOKEN_FAILED", `the token function failed: ${String(error)}`, {
        cause: error,
      });
    }
  };
  return {
    peek: () => newest,
    get: ({ isFresh = false } = {}) => {
      const isAlive = newest !== undefined && (newest.expireTimeMs ?? Number.POSITIVE_INFINITY) - now() > lifeLeftMsMin;
      if (!isFresh && newest !== undefined && isAlive) return Promise.resolve(newest);
      // A fresh one never waits for an earlier call: that one may hang for ever.
      if (asked !== undefined && !isFresh) return asked;
      const mine = ask().finally(() => {
        if (asked === mine) asked = undefined;
      });
      asked = mine;
      return mine;
    },
  };
}

function parseToken(value: unknown): Token {
  if (typeof value !== "string" || value === "") {
    throw new InterventionClientError("TOKEN_FAILED", "the token function gave no token");
  }
  const claims = parseClaims(value);
  const expireS = toInteger(claims.exp);
  return {
    value,
    owner: ownerClaims.map((name) => toText(claims[name])).join("/"),
    expireTimeMs: expireS > 0 ? expireS * 1_000 : undefined,
  };
}

/** A user id is only unique within its workspace, and a workspace within its engine. */
const ownerClaims = ["iss", "aud", "ws", "workspace", "sub"] as const;

function parseClaims(jwt: string): { readonly [key: string]: unknown } {
  const payload = jwt.split(".")[1] ?? "";
  try {
    return toObject(parseJson(atob(payload.replaceAll("-", "+").replaceAll("_", "/")))) ?? {};
  } catch {
    // Not base64: an opaque token, which has no claims. It works all the same.
    return {};
  }
}
