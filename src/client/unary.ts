import { type FailureReason, InterventionClientError } from "./failure.ts";
import { type JsonObject, parseJson, toObject, toText } from "./json.ts";
import type { TokenSource } from "./token-source.ts";

/** What calling takes. */
export interface CallParts {
  readonly url: string;
  readonly tokens: TokenSource;
  readonly fetch: typeof fetch;
}

/** One method of a service. Rejects with InterventionClientError. */
export type Call = (method: string, request: JsonObject) => Promise<JsonObject>;

/** @param service by its full name. @param reason of what fails. */
export function createCall(parts: CallParts, service: string, reason: FailureReason): Call {
  return async (method, request) => {
    const { value } = await parts.tokens.get();
    const first = await post(parts, { service, method, reason }, request, value);
    if (first.kind === "ok") return first.body;
    if (first.error.code !== "unauthenticated") throw first.error;
    // The token may have been refused for its age alone.
    const fresh = await parts.tokens.get({ isFresh: true });
    const second = await post(parts, { service, method, reason }, request, fresh.value);
    if (second.kind === "ok") return second.body;
    throw second.error;
  };
}

type Answer =
  | { readonly kind: "ok"; readonly body: JsonObject }
  | { readonly kind: "failed"; readonly error: InterventionClientError };

/** One unary call by the Connect protocol. Source: connectrpc.com/docs/protocol, "Unary-Request". */
async function post(
  parts: CallParts,
  { service, method, reason }: { readonly service: string; readonly method: string; readonly reason: FailureReason },
  request: JsonObject,
  token: string,
): Promise<Answer> {
  const failed = (code: string, message: string, cause?: unknown): Answer => ({
    kind: "failed",
    error: new InterventionClientError(reason, `${method}: ${message}`, { code, cause }),
  });
  try {
    const response = await parts.fetch(`${parts.url}/${service}/${method}`, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "Connect-Protocol-Version": "1",
        Authorization: `Bearer ${token}`,
      },
      body: JSON.stringify(request),
    });
    const body = toObject(parseJson(await response.text())) ?? {};
    if (response.ok) return { kind: "ok", body };
    // Something between us and the engine may have answered, not in Connect's words.
    const code = toText(body.code) || (response.status === 401 ? "unauthenticated" : "unavailable");
    return failed(code, toText(body.message) || `the engine answered ${response.status}`);
  } catch (cause) {
    return failed("unavailable", String(cause), cause);
  }
}
