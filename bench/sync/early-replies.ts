import type { SystemCall } from "./system-calls.ts";

/** How a server's requests, answers and the file behind them are known. */
export type Exchange = {
  readonly isRequest: (call: SystemCall) => boolean;
  readonly isReply: (call: SystemCall) => boolean;
  readonly isFile: (target: string) => boolean;
};

/** What was answered, and what of it too early. */
export type Replies = { readonly answered: number; readonly early: readonly SystemCall[] };

const READS = new Set(["read", "recvfrom", "recvmsg"]);
const WRITES = new Set(["write", "writev", "sendto", "sendmsg"]);
const FILE_WRITES = new Set(["write", "pwrite64", "writev"]);
const SYNCS = new Set(["fsync", "fdatasync"]);

/** Finds answers that left before what they answer was on disk: between the end of the request and the start of the answer, the
 *  file must have been written and, after that, synced to the end. Requests of one connection must come one at a time. */
export function findEarlyReplies(calls: readonly SystemCall[], exchange: Exchange): Replies {
  const asked = new Map<number, SystemCall>();
  const files = calls.filter(({ target }) => exchange.isFile(target));
  const early: SystemCall[] = [];
  let answered = 0;
  for (const call of calls) {
    if (READS.has(call.name) && exchange.isRequest(call)) asked.set(call.fd, call);
    const request = asked.get(call.fd);
    if (request === undefined || !WRITES.has(call.name) || !exchange.isReply(call)) continue;
    asked.delete(call.fd);
    answered += 1;
    const isDuring = ({ start, end }: SystemCall) => start >= request.start && end <= call.start;
    const written = files.find((file) => FILE_WRITES.has(file.name) && isDuring(file));
    const synced = files.some(
      (file) => SYNCS.has(file.name) && written !== undefined && file.start >= written.end && isDuring(file),
    );
    if (!synced) early.push(call);
  }
  return { answered, early };
}
