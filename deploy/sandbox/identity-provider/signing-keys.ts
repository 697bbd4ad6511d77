import { randomUUID } from "node:crypto";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";

export const SIGNING_ALGORITHMS = ["RS256", "ES256"] as const;
export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number];

type SigningKey = {
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  readonly pair: Awaited<ReturnType<typeof generateKeyPair>>;
};

/** Keys that go on being published after a newer one signs, so that tokens they signed go on too. */
const PUBLISHED_BEFORE = 1;

/** The keys of an identity provider, newest first: the newest signs. They are in memory alone, and others at each start. */
export class SigningKeys {
  #keys: readonly SigningKey[];

  private constructor(keys: readonly SigningKey[]) {
    this.#keys = keys;
  }

  static async generate(algorithm: SigningAlgorithm): Promise<SigningKeys> {
    return new SigningKeys([await generate(algorithm)]);
  }

  /** From now on another key signs.
   *  @param isOldWithdrawn whether the one before is published no more, as after a theft.
   *  @returns the new key's id. */
  async rotate(algorithm: SigningAlgorithm, { isOldWithdrawn }: { readonly isOldWithdrawn: boolean }): Promise<string> {
    const key = await generate(algorithm);
    this.#keys = [key, ...(isOldWithdrawn ? [] : this.#keys.slice(0, PUBLISHED_BEFORE))];
    return key.kid;
  }

  /** Signs claims that have their times already. */
  async sign(claims: JWTPayload): Promise<string> {
    const { algorithm, kid, pair } = this.#newest;
    return await new SignJWT(claims).setProtectedHeader({ alg: algorithm, kid, typ: "JWT" }).sign(pair.privateKey);
  }

  /** RFC 7517. */
  async toJwks(): Promise<object> {
    const keys = this.#keys.map(async ({ algorithm, kid, pair }) => ({
      ...(await exportJWK(pair.publicKey)),
      kid,
      alg: algorithm,
      use: "sig",
    }));
    return { keys: await Promise.all(keys) };
  }

  get #newest(): SigningKey {
    const [newest] = this.#keys;
    if (newest === undefined) throw new Error("there is always a key");
    return newest;
  }
}

async function generate(algorithm: SigningAlgorithm): Promise<SigningKey> {
  return { kid: randomUUID(), algorithm, pair: await generateKeyPair(algorithm) };
}
