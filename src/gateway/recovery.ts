import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { HistoryFrame } from "./outgoing-frame.ts";

/** Where the history stood, read after the frames were. */
export type HistoryHead = {
  /** Identifies the history: another one, and offsets mean nothing. */
  readonly epoch: string;
  /** First and last sequence that the stream holds, over all users. */
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** How many of one user's messages it keeps. */
  readonly historyMax: number;
};

/** Where a client left off. */
export type ResumePoint = { readonly epoch: string; readonly offset: number };

/** What is known about a user's history at a resume. */
export type ResumeEvidence = {
  readonly resume: ResumePoint;
  readonly head: HistoryHead;
  /** Sequences of this user that are kept after the offset, in order. */
  readonly kept: readonly number[];
  /** Whether a message of this user is kept that lies at or before the offset. */
  readonly isOlderKept: boolean;
};

/** Whether nothing that was sent to this user after the offset is missing from what is kept. True only with proof:
 *
 *  The stream drops a user's message for one of two reasons. By age it drops in the order of sequences over all users, so
 *  while it still holds the sequence after the offset it has dropped none after it. By number it drops the user's oldest
 *  while the newest `historyMax` stay, so with fewer kept it has dropped none since. And if anything of this user at or
 *  before the offset is kept, or exactly the one after it, then nothing later can have gone for either reason. */
export function isRecovered({ resume, head, kept, isOlderKept }: ResumeEvidence): boolean {
  if (resume.epoch !== head.epoch || resume.offset > head.lastSequence) return false;
  if (isOlderKept || kept[0] === resume.offset + 1) return true;
  return head.firstSequence <= resume.offset + 1 && kept.length < head.historyMax;
}

/** What of the history is still worth sending: nothing that has expired, and nothing that was revoked. A revoke is for ever, and
 *  can be there first when it raced with the decision. */
export function toReplay(history: readonly HistoryFrame[], nowMs: number): HistoryFrame[] {
  const revoked = new Set<string>();
  for (const { message } of history) if (message.case === "revoke") revoked.add(message.value.interventionId);
  return history.filter((frame) => {
    if (frame.message.case !== "intervention") return true;
    const { interventionId, expireTime } = frame.message.value;
    const isExpired = expireTime !== undefined && timestampMs(expireTime) <= nowMs;
    return !isExpired && !revoked.has(interventionId);
  });
}
