import { JetStreamApiError } from "@nats-io/jetstream";
import { RequestError, TimeoutError } from "@nats-io/transport-node";
import { Unavailable } from "../domain/errors.ts";

const PATIENCE_MS = 30_000;
const RETRY_MS = 200;
/** "No suitable peers for placement": the nodes of a young cluster do not know each other yet. */
const NO_PEERS = 10005;

/** Does what a start needs of JetStream, again and again while it does not answer: a cluster that elects a leader, or has just
 *  been started, is silent for seconds, and a role that starts then should come up rather than end.
 *  @param task must be safe to repeat.
 *  @throws Unavailable when there is no answer in time; whatever else the task throws, at once. */
export async function whenItAnswers<T>(task: () => Promise<T>, patienceMs = PATIENCE_MS): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      return await task();
    } catch (error) {
      if (!isPassing(error)) throw error;
      if (performance.now() > deadline) throw new Unavailable("bus", { cause: error });
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

function isPassing(error: unknown): boolean {
  if (error instanceof JetStreamApiError) return error.status >= 500 || error.code === NO_PEERS;
  if (error instanceof TimeoutError || error instanceof RequestError) return true;
  // The client wraps "nobody answers for JetStream" in an error that it does not export.
  return error instanceof Error && error.cause !== undefined && isPassing(error.cause);
}
