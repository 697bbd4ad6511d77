import { create } from "@bufbuild/protobuf";
import type { Logger } from "pino";
import {
  type TriggerRequest,
  TriggerRequestSchema,
  type TriggerResult,
  type TriggerStreamRequest,
  type TriggerStreamResponse,
  TriggerStreamResponseSchema,
} from "../../gen/intervention/v1/intervention_service_pb.js";
import { Unavailable } from "../domain/errors.ts";

/** What a stream needs to know of the server it runs in. */
export type TriggerStreamParts = {
  readonly log: Logger;
  /** Aborted when the server wants to stop. */
  readonly drain: AbortSignal;
};

/** Requests of one stream that are taken and not answered. One that is full is read from again when an answer has gone out:
 *  HTTP/2's flow control then holds its sender back. */
const IN_FLIGHT_MAX = 256;

/** Answers each request as soon as it is on disk, however the others fare. When the server drains, what was taken is
 *  answered and the stream ends as Unavailable: requests without an answer are to be sent again, elsewhere. */
export async function* triggerStream(
  requests: AsyncIterable<TriggerStreamRequest>,
  options: TriggerStreamParts & {
    readonly signal: AbortSignal;
    readonly answer: (request: TriggerRequest) => Promise<TriggerResult>;
  },
): AsyncGenerator<TriggerStreamResponse> {
  const { drain, signal, answer } = options;
  const inFlight = new Map<number, Promise<TriggerStreamResponse>>();
  const incoming = requests[Symbol.asyncIterator]();
  const drained = onAbort(drain);
  let index = 0;
  let next: ReturnType<typeof takeNext> | undefined = takeNext(incoming);
  try {
    while (next !== undefined || inFlight.size > 0) {
      if (drain.aborted) next = undefined;
      const canTake = next !== undefined && inFlight.size < IN_FLIGHT_MAX;
      const step = await Promise.race([
        ...inFlight.values(),
        ...(canTake && next !== undefined ? [next, drained.promise] : []),
      ]);
      if ("$typeName" in step) {
        inFlight.delete(Number(step.index));
        yield step;
      } else if (step.kind === "request") {
        const own = index;
        index += 1;
        const request = step.request.request ?? create(TriggerRequestSchema);
        inFlight.set(
          own,
          answer(request).then((result) => create(TriggerStreamResponseSchema, { index: BigInt(own), result })),
        );
        next = takeNext(incoming);
      } else if (step.kind === "end") next = undefined;
    }
    if (drain.aborted && !signal.aborted)
      throw new Unavailable("engine", { cause: new Error("the server is stopping") });
  } finally {
    drained.dispose();
  }
}

type Step =
  | { readonly kind: "request"; readonly request: TriggerStreamRequest }
  | { readonly kind: "end" }
  | { readonly kind: "drain" };

async function takeNext(incoming: AsyncIterator<TriggerStreamRequest>): Promise<Step> {
  const result = await incoming.next();
  return result.done === true ? { kind: "end" } : { kind: "request", request: result.value };
}

function onAbort(signal: AbortSignal): { readonly promise: Promise<Step>; readonly dispose: () => void } {
  const { promise, resolve } = Promise.withResolvers<Step>();
  const listener = () => resolve({ kind: "drain" });
  if (signal.aborted) listener();
  else signal.addEventListener("abort", listener, { once: true });
  return { promise, dispose: () => signal.removeEventListener("abort", listener) };
}
