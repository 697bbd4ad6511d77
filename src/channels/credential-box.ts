import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

/** A key by its id. */
export type CredentialKey = { readonly id: string; readonly key: Uint8Array };
/** What is stored in place of a credential. */
export type SealedCredential = { readonly keyId: string; readonly sealed: Uint8Array };

const CIPHER = "aes-256-gcm";
/** NIST SP 800-38D, 8.2.2: 96 random bits. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** The key that a credential was sealed with is not among the settings, or it was changed, or belongs elsewhere. */
class UnreadableCredential extends Error {}

/** Seals providers' credentials for the store by AES-256-GCM. The first key seals, every key opens: a new one is put in front, and
 *  the old one kept until all accounts were saved again. A credential is bound to its place: moved to another account it can't be opened. */
export class CredentialBox {
  readonly #keys: readonly CredentialKey[];

  constructor(keys: readonly CredentialKey[]) {
    this.#keys = keys;
  }

  /** The key that seals; undefined when there is none. */
  get keyId(): string | undefined {
    return this.#keys[0]?.id;
  }

  /** @param place whose it is. @returns undefined when there is no key. */
  seal(credential: unknown, place: string): SealedCredential | undefined {
    const [first] = this.#keys;
    if (first === undefined) return undefined;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, first.key, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(Buffer.from(place));
    const body = Buffer.concat([cipher.update(JSON.stringify(credential), "utf8"), cipher.final()]);
    return { keyId: first.id, sealed: Buffer.concat([nonce, cipher.getAuthTag(), body]) };
  }

  /** @throws UnreadableCredential */
  open({ keyId, sealed }: SealedCredential, place: string): unknown {
    const known = this.#keys.find(({ id }) => id === keyId);
    if (known === undefined) throw new UnreadableCredential(`CREDENTIAL_KEYS has no key "${keyId}"`);
    const bytes = Buffer.from(sealed);
    const decipher = createDecipheriv(CIPHER, known.key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(place));
    decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    try {
      const body = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES));
      return JSON.parse(Buffer.concat([body, decipher.final()]).toString("utf8"));
    } catch {
      // The cause says nothing more, and must not say what was inside.
      throw new UnreadableCredential(`the credential can't be opened with key "${keyId}"`);
    }
  }
}
