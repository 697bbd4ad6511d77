import { createPublicKey, type KeyObject } from "node:crypto";
import type { Logger } from "pino";
import { z } from "zod";
import type { Metrics } from "../observe/index.ts";
import { fetchJwks, JwksUnread, type JwksUnreadReason } from "./fetch-jwks.ts";

/** How an identity provider's keys are kept. */
export type JwksOptions = {
  /** Keys are read again this often, so that new ones are known before they are used and withdrawn ones end. */
  readonly refreshMs: number;
  /** A provider that does not answer is trusted by what it said last, for so long. */
  readonly staleMsMax: number;
  /** A key that is not known has the keys read again, at most this often: anybody can name unknown keys. */
  readonly cooldownMs: number;
  /** Lets workspaces name providers at addresses of private networks. */
  readonly allowPrivate: boolean;
  /** Default: not counted. */
  readonly metrics?: Pick<Metrics, "jwksReads"> | undefined;
  readonly log: Logger;
};

/** A key and the signatures it may make. */
export type VerificationKey = { readonly key: KeyObject; readonly algorithm: string | undefined };

const KEYS_MAX = 100;
/** NIST SP 800-131A: less is not acceptable any more. */
const RSA_BITS_MIN = 2_048;

const jwksSchema = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(KEYS_MAX) });
const jwkSchema = z.looseObject({
  kty: z.enum(["RSA", "EC"]),
  kid: z.string().optional(),
  use: z.literal("sig").optional(),
  key_ops: z
    .array(z.string())
    .refine((ops) => ops.includes("verify"))
    .optional(),
  alg: z.string().optional(),
});

/** The public keys of one provider (RFC 7517), held in memory so that a token can be verified without waiting. */
export class JwksCache {
  readonly #url: string;
  readonly #options: JwksOptions;
  readonly #timer: NodeJS.Timeout;
  #keys: ReadonlyMap<string, VerificationKey> = new Map();
  #readAtMs = Number.NEGATIVE_INFINITY;
  #triedAtMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  /** @param options.allowPrivate of this provider: one that the operator names may be anywhere. */
  constructor(url: string, options: JwksOptions) {
    this.#url = url;
    this.#options = options;
    this.#timer = setInterval(() => void this.refresh(), options.refreshMs);
    this.#timer.unref();
  }

  /** The key that a token names. Without a name it is the only key there is, or none.
   *  Looks for a key that is not known in the background, so that the next attempt may find it. */
  find(kid: string | undefined): VerificationKey | undefined {
    const now = performance.now();
    const isFresh = now - this.#readAtMs <= this.#options.staleMsMax;
    const found =
      kid !== undefined ? this.#keys.get(kid) : this.#keys.size === 1 ? [...this.#keys.values()][0] : undefined;
    if (isFresh && found !== undefined) return found;
    if (now - this.#triedAtMs >= this.#options.cooldownMs) void this.refresh();
    return undefined;
  }

  /** Reads the keys. What was known stays in force when that fails, and the log says so. Never rejects. */
  refresh(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #read(): Promise<void> {
    this.#triedAtMs = performance.now();
    const { allowPrivate, log, metrics } = this.#options;
    try {
      this.#keys = parseKeys(await fetchJwks(this.#url, { allowPrivate }));
      this.#readAtMs = performance.now();
      metrics?.jwksReads.inc({ result: "read" });
    } catch (error) {
      const result: JwksUnreadReason = error instanceof JwksUnread ? error.reason : "garbage";
      metrics?.jwksReads.inc({ result });
      log.warn(
        { event: "jwks_unavailable", url: this.#url, result, err: error },
        "an identity provider's keys can't be read at the moment: those that are known stay in force for a while",
      );
    }
  }
}

/** Keys of other kinds and for other uses are passed over. */
function parseKeys(jwks: unknown): ReadonlyMap<string, VerificationKey> {
  const keys = new Map<string, VerificationKey>();
  for (const [index, candidate] of jwksSchema.parse(jwks).keys.entries()) {
    const parsed = jwkSchema.safeParse(candidate);
    if (!parsed.success) continue;
    const { kid = `#${index}`, alg, ...jwk } = parsed.data;
    const key = importKey(jwk);
    if (key !== undefined) keys.set(kid, { key, algorithm: alg });
  }
  return keys;
}

function importKey(jwk: Record<string, unknown>): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: jwk, format: "jwk" });
    const bits = key.asymmetricKeyDetails?.modulusLength;
    return bits !== undefined && bits < RSA_BITS_MIN ? undefined : key;
  } catch {
    // One key that can't be used must not take the others with it; a token that names it is simply not verified.
    return undefined;
  }
}
