import type { z } from "zod";

/** Statuses of Connect errors that say "try again": too many calls, unavailable, timed out. */
const RETRYABLE = new Set([429, 503, 504]);
const CALL_MS_MAX = 5_000;
const RETRY_MS = 100;

/** Calls a method by Connect's unary JSON protocol, which is plain HTTP: nothing of ours or of Connect's takes part.
 *  @returns undefined when there was no answer, or one that asks to try again. */
export async function tryCall<T>(
  url: string,
  call: { readonly method: string; readonly body: unknown; readonly apiKey: string; readonly parse: z.ZodType<T> },
): Promise<T | undefined> {
  let status: number;
  let text: string;
  try {
    const response = await fetch(`${url}/intervention.v1.${call.method}`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${call.apiKey}` },
      body: JSON.stringify(call.body),
      signal: AbortSignal.timeout(CALL_MS_MAX),
    });
    status = response.status;
    text = await response.text();
  } catch {
    // The process is gone or stuck: what became of the call, nobody knows.
    return undefined;
  }
  if (RETRYABLE.has(status)) return undefined;
  if (status !== 200) throw new Error(`${call.method} answered ${status}: ${text}`);
  return call.parse.parse(JSON.parse(text));
}

/** Calls until there is an answer, taking turns between the members of a pool, as callers behind a balancer do. */
export async function callPool<T>(
  urls: readonly string[],
  call: Parameters<typeof tryCall<T>>[1],
  timeoutMs = 45_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (let tries = 0; performance.now() < deadline; tries += 1) {
    const answer = await tryCall(urls[tries % urls.length] ?? "", call);
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  throw new Error(`${call.method}: no answer from any of ${urls.join(", ")} within ${timeoutMs} ms`);
}
