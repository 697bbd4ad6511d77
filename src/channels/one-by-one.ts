import type { OutgoingMessage, OutsideChannel, SendResult } from "./provider.ts";

const REASON_MAX = 300;

/** Sends each message by a call of its own, so many at once; what a call throws is a result too. */
export async function oneByOne<C extends OutsideChannel>(
  messages: readonly OutgoingMessage<C>[],
  options: {
    readonly atOnce: number;
    readonly signal: AbortSignal;
    readonly send: (message: OutgoingMessage<C>) => Promise<SendResult>;
    /** What an error means. */
    readonly toResult: (error: unknown) => SendResult;
  },
): Promise<SendResult[]> {
  const results: SendResult[] = [];
  const queue = [...messages.entries()];
  const lane = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, message] = next;
      if (options.signal.aborted) {
        results[index] = { kind: "retry", reason: "its turn did not come in time" };
        continue;
      }
      const result = await options.send(message).catch(options.toResult);
      results[index] = "reason" in result ? { ...result, reason: toReason(result.reason, message) } : result;
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.atOnce, messages.length) }, lane));
  return results;
}

/** Waits for a call that can't be stopped, until the signal says that it took too long. */
export function withinTime<T>(call: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(new Error("it took too long")), { once: true });
  });
  return Promise.race([call, aborted]);
}

/** A provider's words, in one line and without whom they are about. */
function toReason(text: string, { to }: { readonly to: string }): string {
  const withoutAddress = to === "" ? text : text.replaceAll(to, "…");
  return withoutAddress.replaceAll(/\p{Cc}+/gu, " ").slice(0, REASON_MAX);
}

/** A field of an error, whatever was thrown. */
export function fieldOf(error: unknown, name: string): unknown {
  return typeof error === "object" && error !== null && name in error
    ? (error as Record<string, unknown>)[name]
    : undefined;
}

export const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** What failed before anything of the message had left. */
const NOT_BEGUN = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"]);
export const isNotBegun = (code: string) => NOT_BEGUN.has(code);
