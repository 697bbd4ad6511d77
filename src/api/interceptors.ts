import {
  ConnectError,
  type ContextValues,
  createContextKey,
  type HandlerContext,
  type Interceptor,
  type StreamResponse,
  type UnaryResponse,
} from "@connectrpc/connect";
import { SpanKind } from "@opentelemetry/api";
import type { Logger } from "pino";
import type { Metrics, OpenSpan, Traces } from "../observe/index.ts";
import { toMethodName } from "./access-rules.ts";
import { addDetails } from "./add-details.ts";
import { authenticate, type Directory } from "./authenticate.ts";
import { endRevoked } from "./end-revoked.ts";
import { keepToLimits, type Limits, requireSomethingLeft } from "./keep-to-limits.ts";
import { toCanceled, toCodeName, toConnectError, toSeverity } from "./to-connect-error.ts";

/** What every call passes through. */
export type InterceptorParts = {
  readonly access: Directory;
  readonly log: Logger;
  readonly traces: Pick<Traces, "open">;
  readonly metrics?: Pick<Metrics, "rpcDuration">;
  /** How much a caller may. Default: no limit. */
  readonly limits?: Limits;
  /** Aborted when the server wants to stop. Default: it never does. */
  readonly drain?: AbortSignal;
};

const traceKey = createContextKey<Pick<OpenSpan, "traceparent" | "traceId">>(
  { traceparent: "", traceId: "" },
  { description: "trace" },
);

/** The trace a call is part of, to be carried along with what it publishes. */
export const getTraceparent = (values: ContextValues) => values.get(traceKey).traceparent;

/** Outermost first: what a call came to is measured and told whoever refused it. */
export function apiInterceptors(parts: InterceptorParts): Interceptor[] {
  return [
    observe(parts),
    requireCaller(parts),
    endRevoked(parts.access),
    ...(parts.limits === undefined
      ? []
      : [keepToLimits({ limits: parts.limits, ...(parts.drain === undefined ? {} : { drain: parts.drain }) })]),
  ];
}

/** Refuses the unknown, and those who have nothing left, before their request is read: a body of megabytes is no way in, and a
 *  malformed one tells nothing. */
export function apiRequestGate(parts: InterceptorParts): (context: HandlerContext) => void {
  return ({ method, requestHeader: header, signal, values }) => {
    // What can't be read comes to no interceptor. But Connect aborts every call that fails, with the error, before it writes it.
    signal.addEventListener("abort", () => {
      if (signal.reason instanceof ConnectError) addDetails(signal.reason);
    });
    try {
      authenticate(parts.access, { method, header, values });
      if (parts.limits !== undefined) requireSomethingLeft(parts.limits, { method, values });
    } catch (error) {
      const refusal = toConnectError(error);
      parts.metrics?.rpcDuration.observe(
        { service: method.parent.typeName, method: method.name, code: toCodeName(refusal) },
        0,
      );
      throw refusal;
    }
  };
}

/** For servers that have no gate, and so that none can be forgotten. */
function requireCaller({ access }: InterceptorParts): Interceptor {
  return (next) => (request) => {
    authenticate(access, { method: request.method, header: request.header, values: request.contextValues });
    return next(request);
  };
}

/** Turns what is thrown into what the wire knows, and leaves a span, a measurement and, where someone should look, a log line. */
function observe({ log, traces, metrics }: InterceptorParts): Interceptor {
  return (next) => async (request) => {
    const { method } = request;
    const name = toMethodName(method);
    const startedAt = performance.now();
    const attributes = { "rpc.system.name": "connectrpc", "rpc.method": name };
    const span = traces.open(name, {
      parent: request.header.get("traceparent") ?? undefined,
      kind: SpanKind.SERVER,
      attributes,
    });
    request.contextValues.set(traceKey, span);
    const finish = (error?: unknown) => {
      const failure =
        error === undefined
          ? undefined
          : toConnectError(request.signal.aborted && isAbort(error) ? toCanceled() : error);
      const durationMs = performance.now() - startedAt;
      metrics?.rpcDuration.observe(
        { service: method.parent.typeName, method: method.name, code: toCodeName(failure) },
        durationMs / 1_000,
      );
      span.end(failure);
      const fields = {
        event: "rpc",
        method: name,
        code: toCodeName(failure),
        durationMs: Math.round(durationMs),
        traceId: span.traceId,
      };
      if (failure === undefined || toSeverity(failure) === "caller") log.debug(fields, "a call was answered");
      else if (toSeverity(failure) === "outage")
        log.warn({ ...fields, err: failure.cause ?? failure }, "a call could not be answered at the moment");
      else log.error({ ...fields, err: failure.cause ?? failure }, "a call failed by a fault of ours");
      return failure;
    };
    try {
      const response = await next(request);
      if (!response.stream) finish();
      return response.stream ? { ...response, message: observeStream(response, finish) } : response;
    } catch (error) {
      throw finish(error);
    }
  };
}

async function* observeStream(
  response: StreamResponse,
  finish: (error?: unknown) => unknown,
): StreamResponse["message"] & AsyncGenerator<UnaryResponse["message"]> {
  let isFinished = false;
  try {
    yield* response.message;
  } catch (error) {
    isFinished = true;
    throw finish(error);
  } finally {
    if (!isFinished) finish();
  }
}

const isAbort = (error: unknown) =>
  error instanceof Error && (error.name === "AbortError" || error.name === "TimeoutError");
