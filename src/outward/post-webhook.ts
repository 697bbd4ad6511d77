import { Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { parseRetryAfterMs } from "../domain/outward/backoff.ts";
import { lookupPublic, requireCallable } from "../integrations/public-hosts.ts";

/** What came of one attempt. */
export type Attempt = {
  readonly isDelivered: boolean;
  /** 0 when there was no answer. */
  readonly status: number;
  readonly latencyMs: number;
  /** Empty when it was delivered. */
  readonly error: string;
  /** What the endpoint asked for. */
  readonly retryAfterMs?: number | undefined;
};

export type PostOptions = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Allows http and addresses of one's own network: for tests, and networks that are closed anyway. */
  readonly allowPrivate: boolean;
  /** Default: 10 s. */
  readonly timeoutMs?: number;
};

const TIMEOUT_MS = 10_000;
/** Of an answer only the status counts: a connection whose answer is longer is not used again. */
const ANSWER_BYTES_MAX = 1_024;
const ERROR_CHARACTERS_MAX = 200;

const agents = {
  "http:": new HttpAgent({ keepAlive: true, maxFreeSockets: 8, timeout: 30_000 }),
  "https:": new HttpsAgent({ keepAlive: true, maxFreeSockets: 8, timeout: 30_000 }),
};

/** Posts a body once. Follows no redirect, and connects to no address of a network of our own, whatever the name resolves to at
 *  that moment. Never throws. */
export async function postWebhook(options: PostOptions): Promise<Attempt> {
  const startedAt = performance.now();
  const toLatency = () => Math.round(performance.now() - startedAt);
  try {
    const { status, retryAfterMs } = await post(options);
    const isDelivered = status >= 200 && status < 300;
    const error = isDelivered ? "" : `the endpoint answered ${status}`;
    return { isDelivered, status, latencyMs: toLatency(), error, retryAfterMs };
  } catch (error) {
    const text = error instanceof Error ? error.message || error.name : String(error);
    return { isDelivered: false, status: 0, latencyMs: toLatency(), error: text.slice(0, ERROR_CHARACTERS_MAX) };
  }
}

function post(options: PostOptions): Promise<{ status: number; retryAfterMs: number | undefined }> {
  const { body, allowPrivate, timeoutMs = TIMEOUT_MS } = options;
  const url = new URL(options.url);
  requireCallable(url, { allowPrivate });
  const headers = {
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(body)),
    "user-agent": "intervention-engine",
    ...options.headers,
  };
  return new Promise((resolveIt, reject) => {
    const { protocol } = url;
    const isPlain = protocol === "http:";
    const request = (isPlain ? httpRequest : httpsRequest)(url, {
      method: "POST",
      headers,
      agent: agents[isPlain ? "http:" : "https:"],
      ...(allowPrivate ? {} : { lookup: lookupPublic }),
    });
    const timer = setTimeout(() => request.destroy(new Error(`there was no answer within ${timeoutMs} ms`)), timeoutMs);
    request.on("error", reject);
    request.on("close", () => {
      clearTimeout(timer);
      reject(new Error("the connection ended without an answer"));
    });
    request.on("response", (response) => {
      let bytes = 0;
      const status = response.statusCode ?? 0;
      const isAsking = status === 429 || status === 503;
      const retryAfterMs = isAsking ? parseRetryAfterMs(response.headers["retry-after"], new Date()) : undefined;
      resolveIt({ status, retryAfterMs });
      response.on("error", () => request.destroy());
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > ANSWER_BYTES_MAX) request.destroy();
      });
    });
    request.end(body);
  });
}
