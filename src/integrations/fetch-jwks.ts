import { Buffer } from "node:buffer";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { lookupPublic, PrivateHost, refusePrivateLiteral } from "./public-hosts.ts";

/** Why a provider's keys could not be read: a closed set, for the metric. */
export type JwksUnreadReason = "unreachable" | "timeout" | "refused" | "garbage" | "private";

/** The keys could not be read. */
export class JwksUnread extends Error {
  readonly reason: JwksUnreadReason;

  constructor(reason: JwksUnreadReason, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options);
    this.reason = reason;
  }
}

const FETCH_MS_MAX = 3_000;
const BODY_BYTES_MAX = 262_144;

/** Reads what a provider publishes as its keys. A redirect is no answer: it would lead to an address that nobody has approved.
 *  @param options.allowPrivate whether the address may be one of a private network.
 *  @returns the JSON, of whatever shape.
 *  @throws JwksUnread */
export async function fetchJwks(url: string, { allowPrivate }: { readonly allowPrivate: boolean }): Promise<unknown> {
  const signal = AbortSignal.timeout(FETCH_MS_MAX);
  try {
    const target = new URL(url);
    if (!allowPrivate) refusePrivateLiteral(target);
    const response = await get(target, { signal, ...(allowPrivate ? {} : { lookup: lookupPublic }) });
    const status = response.statusCode ?? 0;
    if (status !== 200) {
      response.destroy();
      throw new JwksUnread("refused", `the identity provider answers ${status}`);
    }
    return parseJson(await readBody(response));
  } catch (error) {
    if (error instanceof JwksUnread) throw error;
    if (error instanceof PrivateHost) throw new JwksUnread("private", error.message, { cause: error });
    if (signal.aborted)
      throw new JwksUnread("timeout", `the identity provider did not answer within ${FETCH_MS_MAX} ms`, {
        cause: error,
      });
    throw new JwksUnread("unreachable", "the identity provider can't be reached", { cause: error });
  }
}

type GetOptions = { readonly signal: AbortSignal; readonly lookup?: typeof lookupPublic };

/** On a connection of its own: one that is kept for a caller who may reach private addresses must not serve one who may not. */
function get(url: URL, options: GetOptions): Promise<IncomingMessage> {
  const headers = { accept: "application/jwk-set+json, application/json" };
  const request = (url.protocol === "http:" ? httpRequest : httpsRequest)(url, { agent: false, headers, ...options });
  return new Promise((resolve, reject) => {
    request.on("error", reject);
    request.on("response", resolve);
    request.end();
  });
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    length += chunk.byteLength;
    if (length > BODY_BYTES_MAX)
      throw new JwksUnread("garbage", `the identity provider sends more than ${BODY_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new JwksUnread("garbage", "what the identity provider sends is no JSON", { cause });
  }
}
