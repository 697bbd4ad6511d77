import { Buffer } from "node:buffer";
import { Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { parseRetryAfterMs } from "../domain/outward/backoff.ts";
import { lookupPublic, requireCallable } from "../integrations/public-hosts.ts";

/** What came of a call. */
export type Answer =
  | {
      readonly kind: "answered";
      readonly status: number;
      readonly body: string;
      readonly retryAfterMs: number | undefined;
    }
  /** Nothing has left. */
  | { readonly kind: "unreachable"; readonly reason: string }
  /** It may have left. */
  | { readonly kind: "broken"; readonly reason: string };

type Call = {
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
  readonly signal: AbortSignal;
};

const ANSWER_BYTES_MAX = 1_048_576;

/** Calls over connections of its own, and knows of each failure whether anything had left. Follows no redirect. */
export class HttpCaller {
  readonly #allowPrivate: boolean;
  readonly #agents = { http: new HttpAgent({ keepAlive: true }), https: new HttpsAgent({ keepAlive: true }) };

  /** @param options.allowPrivate whether it may be plain http, and in a network of our own. */
  constructor(options: { readonly allowPrivate: boolean }) {
    this.#allowPrivate = options.allowPrivate;
  }

  /** @throws Error when the URL may not be called; PrivateHost for an address. */
  require(url: URL): void {
    requireCallable(url, { allowPrivate: this.#allowPrivate });
  }

  /** Never rejects. */
  call(url: URL, { method, headers, body, signal }: Call): Promise<Answer> {
    const isPlain = url.protocol === "http:";
    return new Promise((resolve) => {
      let isBegun = false;
      const request = (isPlain ? httpRequest : httpsRequest)(url, {
        method,
        agent: isPlain ? this.#agents.http : this.#agents.https,
        signal,
        headers: { ...headers, "content-length": String(Buffer.byteLength(body)) },
        ...(this.#allowPrivate ? {} : { lookup: lookupPublic }),
      });
      const fail = (error: Error) => resolve({ kind: isBegun ? "broken" : "unreachable", reason: toCode(error) });
      request.on("socket", (socket) => {
        // A connection that was kept is there already, and what is written may leave at once.
        if (!socket.connecting) isBegun = true;
        else socket.once("connect", () => (isBegun = true));
      });
      request.on("error", fail);
      request.on("response", (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > ANSWER_BYTES_MAX) request.destroy(new Error("the answer is too long"));
          chunks.push(chunk);
        });
        response.on("error", fail);
        response.on("end", () =>
          resolve({
            kind: "answered",
            status: response.statusCode ?? 0,
            body: Buffer.concat(chunks).toString("utf8"),
            retryAfterMs: parseRetryAfterMs(response.headers["retry-after"], new Date()),
          }),
        );
      });
      request.end(body);
    });
  }

  close(): void {
    this.#agents.http.destroy();
    this.#agents.https.destroy();
  }
}

const toCode = (error: Error) => ("code" in error && typeof error.code === "string" ? error.code : error.message);
