import { setTimeout as delay } from "node:timers/promises";
import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import type { HandlerContext, Interceptor } from "@connectrpc/connect";
import { InvalidInput, Unavailable } from "../domain/errors.ts";
import { type Standing, toRateLimitHeaders } from "../domain/limit/rate-limit-headers.ts";
import type { CallLimits, Charge } from "../integrations/call-limits.ts";
import type { Caller } from "../integrations/caller.ts";
import { findCallerOf } from "./authenticate.ts";
import { toConnectError } from "./to-connect-error.ts";

/** What a call may cost its caller, or not. */
export type Limits = Pick<CallLimits, "charge" | "tryCharge">;

type KeepToLimitsParts = {
  readonly limits: Limits;
  /** Aborted when the server wants to stop: then no stream waits for its share any more. Default: it never does. */
  readonly drain?: AbortSignal;
};

/** Refuses a caller who has nothing left, before his request is read: a batch of megabytes would cost more to read than it is to
 *  refuse. Streams wait instead. */
export function requireSomethingLeft(limits: Limits, { method, values }: Pick<HandlerContext, "method" | "values">) {
  const caller = findCallerOf(values);
  if (caller === undefined || method.methodKind !== "unary") return;
  const charge = limits.tryCharge(caller);
  if (charge.kind === "refused") throw toRefusal(charge);
}

/** Refuses what is beyond its caller's limits, with when to come again, and tells with every answer what is left. A stream is
 *  charged as it goes: it waits for its share instead of being refused, so that a sender who is too fast is slowed down. */
export function keepToLimits({ limits, drain }: KeepToLimitsParts): Interceptor {
  return (next) => async (request) => {
    const caller = findCallerOf(request.contextValues);
    if (caller === undefined) return next(request);
    const { input } = request.method;
    if (request.stream) {
      const message = waitForShare(request.message, { limits, caller, input, drain, signal: request.signal });
      return next({ ...request, message });
    }
    const cost = toCost(input, request.message);
    const charge = limits.charge(caller, cost.count);
    if (charge.kind === "refused") throw toRefusal(charge, cost);
    const { standings } = charge;
    const response = await next(request);
    setHeaders(response.header, standings);
    return response;
  };
}

const listsOf = new WeakMap<DescMessage, readonly DescField[]>();

/** As many calls as a request counts for, and the list that makes it so many. */
type Cost = { readonly count: number; readonly field: string };

const ONE: Cost = { count: 1, field: "" };

/** As many as the longest list of messages in a request, and 1 for one without: a batch of a thousand is a thousand calls. */
function toCost(input: DescMessage, message: Message): Cost {
  let lists = listsOf.get(input);
  if (lists === undefined) {
    lists = input.fields.filter((field) => field.fieldKind === "list" && field.listKind === "message");
    listsOf.set(input, lists);
  }
  if (lists.length === 0) return ONE;
  const reflected = reflect(input, message);
  return lists
    .map((field) => ({ count: (reflected.get(field) as { readonly size: number }).size, field: field.name }))
    .reduce((most, cost) => (cost.count > most.count ? cost : most), ONE);
}

async function* waitForShare<T extends Message>(
  messages: AsyncIterable<T>,
  options: {
    readonly limits: Limits;
    readonly caller: Caller;
    readonly input: DescMessage;
    readonly drain: AbortSignal | undefined;
    readonly signal: AbortSignal;
  },
): AsyncIterable<T> {
  const { limits, caller, input, drain, signal } = options;
  const ending = drain === undefined ? signal : AbortSignal.any([signal, drain]);
  for await (const message of messages) {
    const cost = toCost(input, message);
    for (;;) {
      const charge = limits.charge(caller, cost.count);
      if (charge.kind === "passed") break;
      if (charge.isFinal) throw toRefusal(charge, cost);
      await delay(charge.error.retryAfterMs, undefined, { signal: ending }).catch((cause: unknown) => {
        throw drain?.aborted === true ? new Unavailable("engine", { cause }) : cause;
      });
    }
    yield message;
  }
}

/** What no wait would let pass is not over a limit but wrong. */
function toRefusal(charge: Extract<Charge, { kind: "refused" }>, { field }: Cost = ONE) {
  const error = toConnectError(
    charge.isFinal ? new InvalidInput([{ field, description: charge.error.message }]) : charge.error,
  );
  setHeaders(error.metadata, charge.standings);
  return error;
}

function setHeaders(header: Headers, standings: readonly Standing[]): void {
  const { policy, limit } = toRateLimitHeaders(standings);
  header.set("ratelimit-policy", policy);
  header.set("ratelimit", limit);
}
