import type { Logger } from "pino";
import { Unavailable } from "../domain/errors.ts";

/** What a stream needs to know of the server it runs in. */
export type AnswerStreamParts = {
  readonly log: Logger;
  /** Aborted when the server wants to stop. */
  readonly drain: AbortSignal;
};

/** Requests of one stream that are taken and not answered. One that is full is read from again when an answer has gone out:
 *  HTTP/2's flow control then holds its sender back. */
const IN_FLIGHT_MAX = 256;

/** Answers each request as soon as it is done, however the others fare. When the server drains, what was taken is answered and the
 *  stream ends as Unavailable: requests without an answer are to be sent again, elsewhere.
 *  @param options.answer never rejects; its second argument is the number of the request, from 0. */
export async function* answerStream<Request, Response>(
  requests: AsyncIterable<Request>,
  options: AnswerStreamParts & {
    readonly signal: AbortSignal;
    readonly answer: (request: Request, index: number) => Promise<Response>;
  },
): AsyncGenerator<Response> {
  const { drain, signal, answer } = options;
  const inFlight = new Map<number, Promise<Step<Request, Response>>>();
  const incoming = requests[Symbol.asyncIterator]();
  const drained = Promise.withResolvers<Step<Request, Response>>();
  const onDrain = () => drained.resolve({ kind: "drain" });
  if (drain.aborted) onDrain();
  drain.addEventListener("abort", onDrain, { once: true });
  const takeNext = async (): Promise<Step<Request, Response>> => {
    const result = await incoming.next().catch((error: unknown) => {
      // A sender that is held up is told that the server stops by its requests' failing; what was taken is still answered.
      if (!drain.aborted) throw error;
      return undefined;
    });
    if (result === undefined) return { kind: "drain" };
    return result.done === true ? { kind: "end" } : { kind: "request", request: result.value };
  };
  let count = 0;
  const takeNextLater = () => {
    const taken = takeNext();
    // It is waited for as soon as there is room; till then a failure of it is not one that nobody looks at.
    taken.catch(() => undefined);
    return taken;
  };
  let next: ReturnType<typeof takeNext> | undefined = takeNextLater();
  try {
    while (next !== undefined || inFlight.size > 0) {
      if (drain.aborted) next = undefined;
      const waited = [...inFlight.values()];
      if (next !== undefined && inFlight.size < IN_FLIGHT_MAX) waited.push(next, drained.promise);
      if (waited.length === 0) break;
      const step = await Promise.race(waited);
      if (step.kind === "answer") {
        inFlight.delete(step.index);
        yield step.response;
      } else if (step.kind === "request") {
        const index = count;
        count += 1;
        inFlight.set(
          index,
          answer(step.request, index).then((response) => ({ kind: "answer", index, response }) as const),
        );
        next = takeNextLater();
      } else if (step.kind === "end") next = undefined;
    }
    if (drain.aborted && !signal.aborted)
      throw new Unavailable("engine", { cause: new Error("the server is stopping") });
  } finally {
    drain.removeEventListener("abort", onDrain);
  }
}

type Step<Request, Response> =
  | { readonly kind: "request"; readonly request: Request }
  | { readonly kind: "answer"; readonly index: number; readonly response: Response }
  | { readonly kind: "end" }
  | { readonly kind: "drain" };
