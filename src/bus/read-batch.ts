import type { StoredMsg } from "@nats-io/jetstream";
import type { Bus } from "./connect-bus.ts";

/** The broker's way of saying that there is none (any more). */
const MESSAGE_NOT_FOUND = 404;

/** Reads stored messages by direct get: those of a subject from a sequence on, at most so many. With a callback, since the iterator
 *  of the client library never gives its subscription back. */
export function readBatch(
  bus: Bus,
  options: { readonly stream: string; readonly subject: string; readonly from: number; readonly limit: number },
): Promise<StoredMsg[]> {
  const { stream, subject, from, limit } = options;
  return new Promise((resolve, reject) => {
    const found: StoredMsg[] = [];
    const callback = (done: { err?: Error } | null, message: StoredMsg): void => {
      if (done === null) found.push(message);
      else if (done.err === undefined || ("code" in done.err && done.err.code === MESSAGE_NOT_FOUND)) resolve(found);
      else reject(done.err);
    };
    bus.jsm.direct.getBatch(stream, { seq: from, next_by_subj: subject, batch: limit, callback }).catch(reject);
  });
}
