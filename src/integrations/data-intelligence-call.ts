import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import {
  BrokenCircuitError,
  BulkheadRejectedError,
  bulkhead,
  ConsecutiveBreaker,
  circuitBreaker,
  handleAll,
  wrap,
} from "cockatiel";
import { ProfileService } from "../../gen/data_intelligence/v1/profile_service_pb.js";
import type { Metrics } from "../observe/index.ts";
import { GarbageAnswer, type KnownProfile, parseAnswer } from "./data-intelligence-answer.ts";

/** Why there is no answer. */
export type CallFailure = "fallback_timeout" | "fallback_open" | "fallback_error" | "fallback_full" | "garbage";
export type CallResult =
  | { readonly kind: "answered"; readonly profiles: ReadonlyMap<string, KnownProfile | undefined> }
  | { readonly kind: "failed"; readonly failure: CallFailure };

export type CallOptions = {
  /** `http`, `https`: Connect over HTTP/1.1; `grpc`, `grpcs`: gRPC over HTTP/2. */
  readonly url: string;
  readonly deadlineMs: number;
  /** Calls under way at once; one more fails at once: a queue would outlast the deadline anyway. */
  readonly inFlightMax: number;
  readonly metrics: Pick<Metrics, "dataIntelligenceDuration">;
  /** After so many failures in a row the neighbour is left alone. Default: 5. */
  readonly failuresMax?: number;
  /** For that long; then one call tries it. Default: 1 s. */
  readonly openMs?: number;
};

/** 1,000 profiles of the largest size are never asked for within a few milliseconds. */
const ANSWER_BYTES_MAX = 8 * 1_048_576;

/** Calls the neighbour within bounds: of time, of calls at once, and of patience.
 *  @returns a call that never throws, and what closes its connections. */
export function createDataIntelligenceCall(options: CallOptions): {
  readonly call: (workspace: string, userIds: readonly string[]) => Promise<CallResult>;
  readonly close: () => void;
} {
  const { deadlineMs, inFlightMax, metrics, failuresMax = 5, openMs = 1_000 } = options;
  const { transport, close } = openTransport(options.url);
  const client = createClient(ProfileService, transport);
  // The bulkhead outside: that we ask too much is no failure of the neighbour's.
  const policy = wrap(
    bulkhead(inFlightMax, 0),
    circuitBreaker(handleAll, { breaker: new ConsecutiveBreaker(failuresMax), halfOpenAfter: openMs }),
  );
  const ask = async (workspace: string, userIds: readonly string[]) => {
    const started = performance.now();
    const end = (result: string) =>
      metrics.dataIntelligenceDuration.observe({ result }, (performance.now() - started) / 1_000);
    try {
      const response = await client.batchGetProfiles({ workspace, userIds: [...userIds] }, { timeoutMs: deadlineMs });
      const profiles = parseAnswer(response, userIds);
      end("answered");
      return profiles;
    } catch (error) {
      end(toFailure(error));
      throw error;
    }
  };
  return {
    async call(workspace, userIds) {
      try {
        return { kind: "answered", profiles: await policy.execute(() => ask(workspace, userIds)) };
      } catch (error) {
        return { kind: "failed", failure: toFailure(error) };
      }
    },
    close,
  };
}

function openTransport(url: string): { readonly transport: Transport; readonly close: () => void } {
  const [scheme = "", rest = ""] = url.split("://", 2);
  if (scheme === "grpc" || scheme === "grpcs") {
    const baseUrl = `${scheme === "grpc" ? "http" : "https"}://${rest}`;
    const sessionManager = new Http2SessionManager(baseUrl);
    const transport = createGrpcTransport({ baseUrl, sessionManager, readMaxBytes: ANSWER_BYTES_MAX });
    return { transport, close: () => sessionManager.abort() };
  }
  const agent = scheme === "https" ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
  const transport = createConnectTransport({
    baseUrl: url,
    httpVersion: "1.1",
    nodeOptions: { agent },
    readMaxBytes: ANSWER_BYTES_MAX,
  });
  return { transport, close: () => agent.destroy() };
}

/** What is no Connect answer at all, or does not decode, is reported by the client under these codes. */
const GARBAGE_CODES = new Set([
  Code.Internal,
  Code.Unknown,
  Code.DataLoss,
  Code.InvalidArgument,
  Code.ResourceExhausted,
]);

function toFailure(error: unknown): CallFailure {
  if (error instanceof GarbageAnswer) return "garbage";
  if (error instanceof BrokenCircuitError) return "fallback_open";
  if (error instanceof BulkheadRejectedError) return "fallback_full";
  if (!(error instanceof ConnectError)) return "fallback_error";
  if (error.code === Code.DeadlineExceeded || error.code === Code.Canceled) return "fallback_timeout";
  return GARBAGE_CODES.has(error.code) ? "garbage" : "fallback_error";
}
