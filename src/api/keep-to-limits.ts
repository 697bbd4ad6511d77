import { setTimeout as delay } from "node:timers/promises";
import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import type { Interceptor } from "@connectrpc/connect";
import { type Standing, toRateLimitHeaders } from "../domain/limit/rate-limit-headers.ts";
import type { CallLimits } from "../integrations/call-limits.ts";
import type { Caller } from "../integrations/caller.ts";
import { findCallerOf } from "./authenticate.ts";
import { toConnectError } from "./to-connect-error.ts";

/** Refuses what is beyond its caller's limits, with when to come again, and tells with every answer what is left. A stream is
 *  charged as it goes: it waits for its share instead of being refused, so that a sender who is too fast is slowed down. */
export function keepToLimits(limits: Pick<CallLimits, "charge">): Interceptor {
  return (next) => async (request) => {
    const caller = findCallerOf(request.contextValues);
    if (caller === undefined) return next(request);
    const { input } = request.method;
    if (request.stream) {
      const message = waitForShare(request.message, { limits, caller, input, signal: request.signal });
      return next({ ...request, message });
    }
    const charge = limits.charge(caller, toCost(input, request.message));
    if (charge.kind === "refused") throw toRefusal(charge);
    const response = await next(request);
    setHeaders(response.header, charge.standings);
    return response;
  };
}

const listsOf = new WeakMap<DescMessage, readonly DescField[]>();

/** As many as the longest list of messages in a request, and 1 for one without: a batch of a thousand is a thousand calls. */
function toCost(input: DescMessage, message: Message): number {
  let lists = listsOf.get(input);
  if (lists === undefined) {
    lists = input.fields.filter((field) => field.fieldKind === "list" && field.listKind === "message");
    listsOf.set(input, lists);
  }
  if (lists.length === 0) return 1;
  const reflected = reflect(input, message);
  return Math.max(1, ...lists.map((field) => (reflected.get(field) as { readonly size: number }).size));
}

async function* waitForShare<T extends Message>(
  messages: AsyncIterable<T>,
  options: {
    readonly limits: Pick<CallLimits, "charge">;
    readonly caller: Caller;
    readonly input: DescMessage;
    readonly signal: AbortSignal;
  },
): AsyncIterable<T> {
  const { limits, caller, input, signal } = options;
  for await (const message of messages) {
    const cost = toCost(input, message);
    for (;;) {
      const charge = limits.charge(caller, cost);
      if (charge.kind === "passed") break;
      if (charge.isFinal) throw toRefusal(charge);
      await delay(charge.error.retryAfterMs, undefined, { signal });
    }
    yield message;
  }
}

function toRefusal(charge: Extract<ReturnType<CallLimits["charge"]>, { kind: "refused" }>) {
  const error = toConnectError(charge.error);
  setHeaders(error.metadata, charge.standings);
  return error;
}

function setHeaders(header: Headers, standings: readonly Standing[]): void {
  const { policy, limit } = toRateLimitHeaders(standings);
  header.set("ratelimit-policy", policy);
  header.set("ratelimit", limit);
}
