import { setTimeout as delay } from "node:timers/promises";
import { Code, ConnectError, type Interceptor, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import type { Engine } from "../src/start/index.ts";

const callMsMax = 10_000;

/** gRPC to the engine with its API key, as another service would. */
export function toTransport(engine: Engine): Transport {
  const authorize: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${engine.credentials.api_key}`);
    return next(request);
  };
  return createGrpcTransport({ baseUrl: engine.grpcUrl, interceptors: [authorize], defaultTimeoutMs: callMsMax });
}

/** What a broken connection, a server that has just died or one that is overloaded answers with. */
const passing: ReadonlySet<Code> = new Set([
  Code.Unavailable,
  Code.Aborted,
  Code.DeadlineExceeded,
  Code.ResourceExhausted,
  Code.Canceled,
]);

function isPassing(code: Code): boolean {
  return passing.has(code);
}

const retryMs = { first: 50, max: 1_000, inAll: 120_000 };

/** Calls until it is answered; what is not `isPassing` is thrown. The call must be safe to repeat.
 *  @throws ConnectError, that of the last attempt, once it has failed for two minutes. */
export async function untilAnswered<T>(call: () => Promise<T>, onRetry: () => void = () => undefined): Promise<T> {
  const deadlineMs = performance.now() + retryMs.inAll;
  for (let waitMs = retryMs.first; ; waitMs = Math.min(retryMs.max, waitMs * 2)) {
    try {
      return await call();
    } catch (error) {
      const isOver = performance.now() > deadlineMs;
      if (isOver || !(error instanceof ConnectError) || !isPassing(error.code)) throw error;
      onRetry();
      await delay(waitMs);
    }
  }
}

/** Runs over all items, so many at a time. */
export async function forEachOf<T>(
  items: Iterable<T>,
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items[Symbol.iterator]();
  const runner = async () => {
    for (let next = rest.next(); next.done !== true; next = rest.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: atOnce }, runner));
}
