import type { Interceptor, StreamResponse } from "@connectrpc/connect";
import { Unauthenticated } from "../domain/errors.ts";
import type { ServiceCaller } from "../integrations/access-directory.ts";
import { type Directory, findCallerOf } from "./authenticate.ts";

/** How long after a key has ended a stream that it has opened may go on: with the news of it, well within a second. */
const LOOK_MS = 250;

/** Ends a service's streams when what it was let in by does not open the door any more. Unary calls are over before that matters. */
export function endRevoked(access: Directory): Interceptor {
  return (next) => async (request) => {
    const response = await next(request);
    const caller = findCallerOf(request.contextValues);
    if (!response.stream || caller?.kind !== "service") return response;
    return { ...response, message: untilEnded(response, access, caller) };
  };
}

async function* untilEnded(
  response: StreamResponse,
  access: Directory,
  caller: ServiceCaller,
): StreamResponse["message"] & AsyncGenerator {
  const messages = response.message[Symbol.asyncIterator]();
  let isEnded = false;
  let interrupt: () => void = () => undefined;
  const timer = setInterval(() => {
    isEnded = !access.isInForce(caller);
    if (isEnded) interrupt();
  }, LOOK_MS);
  try {
    for (;;) {
      // A promise of its own for each message: a race against one that lasts would gather an entry for every message there was.
      const { done, value } = await new Promise<IteratorResult<unknown>>((resolve, reject) => {
        interrupt = () => reject(new Unauthenticated("the credential has been revoked, or has ended"));
        if (isEnded) interrupt();
        else messages.next().then(resolve, reject);
      });
      if (done === true) return;
      yield value as Awaited<ReturnType<typeof messages.next>>["value"];
    }
  } finally {
    clearInterval(timer);
    // Not waited for: one that waits for its next message would not come back from this before the call's signal ends it, and
    // what it throws then is of a call that is over.
    messages.return?.().catch(() => undefined);
  }
}
