import { type KeyObject, X509Certificate } from "node:crypto";
import { Unavailable } from "../../domain/errors.ts";
import { CallbackRefused } from "./report.ts";

/** Reads a URL that was found to be one of SNS: `ok` is whether the answer was 200. */
export type FetchText = (url: string) => Promise<{ readonly ok: boolean; readonly text: string }>;

/** SNS changes its certificates about once a year, and a region has one at a time. */
const CERTIFICATES_MAX = 64;
/** Looked at again after this, in case one was taken back. */
const KEPT_MS = 86_400_000;
/** Whoever names certificates that are not there makes no more calls than this at once. */
const FETCHES_MAX = 4;
const RETRY_MS = 2_000;

type Known = { readonly key: KeyObject; readonly until: number };

/** What is fetched of SNS: its certificates, each once a day, and the confirmation of subscriptions. */
export class SnsClient {
  readonly #fetch: FetchText;
  readonly #now: () => Date;
  readonly #known = new Map<string, Known>();
  readonly #fetching = new Map<string, Promise<KeyObject>>();

  constructor(options: { readonly fetch?: FetchText; readonly now?: () => Date } = {}) {
    this.#fetch = options.fetch ?? fetchText;
    this.#now = options.now ?? (() => new Date());
  }

  /** @param url one that was found to be of SNS.
   *  @throws CallbackRefused when there is no certificate in force. Unavailable when SNS does not answer. */
  async getKey(url: string): Promise<KeyObject> {
    const known = this.#known.get(url);
    if (known !== undefined && known.until > this.#now().getTime()) return known.key;
    const fetching = this.#fetching.get(url);
    if (fetching !== undefined) return fetching;
    if (this.#fetching.size >= FETCHES_MAX) throw new Unavailable("provider", { retryAfterMs: RETRY_MS });
    const started = this.#load(url).finally(() => this.#fetching.delete(url));
    this.#fetching.set(url, started);
    return started;
  }

  /** Confirms a subscription. Doing it again does nothing.
   *  @throws CallbackRefused when SNS does not take it. Unavailable when it does not answer. */
  async confirm(url: string): Promise<void> {
    const { ok } = await this.#get(url);
    if (!ok) throw new CallbackRefused("forged", "SNS does not take the confirmation: subscribe again");
  }

  async #load(url: string): Promise<KeyObject> {
    const { ok, text } = await this.#get(url);
    const certificate = ok ? toCertificate(text) : undefined;
    if (certificate === undefined) throw new CallbackRefused("forged", "there is no certificate at its SigningCertURL");
    const now = this.#now();
    if (new Date(certificate.validFrom) > now || new Date(certificate.validTo) <= now)
      throw new CallbackRefused(
        "forged",
        `its certificate is good from ${certificate.validFrom} to ${certificate.validTo}`,
      );
    const [oldest] = this.#known.keys();
    if (this.#known.size >= CERTIFICATES_MAX && oldest !== undefined) this.#known.delete(oldest);
    const until = Math.min(now.getTime() + KEPT_MS, new Date(certificate.validTo).getTime());
    this.#known.set(url, { key: certificate.publicKey, until });
    return certificate.publicKey;
  }

  async #get(url: string) {
    try {
      return await this.#fetch(url);
    } catch (cause) {
      throw new Unavailable("provider", { cause, retryAfterMs: RETRY_MS });
    }
  }
}

function toCertificate(text: string): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(text);
    return certificate.publicKey.asymmetricKeyType === "rsa" ? certificate : undefined;
  } catch {
    // Whatever it is, it is no certificate.
    return undefined;
  }
}

const FETCH_MS_MAX = 3_000;
const TEXT_BYTES_MAX = 65_536;

async function fetchText(url: string): Promise<{ readonly ok: boolean; readonly text: string }> {
  // A redirect would lead to a host that nobody has looked at.
  const response = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(FETCH_MS_MAX) });
  if (response.status >= 500) throw new Error(`SNS answers ${response.status}`);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength;
    if (length > TEXT_BYTES_MAX) throw new Error(`SNS sends more than ${TEXT_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return { ok: response.status === 200, text: Buffer.concat(chunks).toString("utf8") };
}
