import type { Logger } from "pino";
import type { UserCaller } from "../integrations/access-directory.ts";
import type { History } from "./history.ts";
import type { HistoryFrame } from "./outgoing-frame.ts";
import { isRecovered, type ResumePoint, toReplay } from "./recovery.ts";
import type { UserAddress, UserChannel, UserChannels } from "./user-channel.ts";

/** What beginning a session takes. */
export type BeginOptions = {
  readonly history: History;
  readonly channels: UserChannels;
  readonly countUnread: (user: UserCaller) => Promise<number>;
  readonly newSessionId: () => string;
  readonly log: Logger;
};

export type Begun = {
  readonly sessionId: string;
  readonly epoch: string;
  /** Where the session begins, for the client. */
  readonly offset: number;
  readonly isRecovered: boolean;
  readonly unreadCount: number;
  /** History to send after the welcome. */
  readonly replay: readonly HistoryFrame[];
  /** Live messages up to here are not to be sent again. */
  readonly position: number;
};

/** A slow store holds no session up for longer. */
const UNREAD_MS_MAX = 5_000;

/** Subscribes, and reads what the client missed. In this order, so that nothing falls between history and live:
 *  look at the stream's head, subscribe, wait until the server knows of it, read the history, look at the head again.
 *  @returns undefined when the client went meanwhile.
 *  @throws Unavailable when the bus does not answer. */
export async function beginSession(
  options: BeginOptions,
  request: {
    readonly user: UserCaller;
    readonly address: UserAddress;
    readonly resume: ResumePoint | undefined;
    readonly join: (position: number) => UserChannel | undefined;
  },
): Promise<Begun | undefined> {
  const { history, channels } = options;
  const { resume, user } = request;
  const unreadCount = countUnreadInTime(options, user);
  const before = await history.head();
  const channel = request.join(before.lastSequence);
  if (channel === undefined) return undefined;
  const position = channel.position;
  await channels.flushed();
  const sessionId = options.newSessionId();
  if (resume === undefined) {
    // Everything after the channel's position is delivered live. What other users got since then moves only the number on.
    return {
      sessionId,
      epoch: before.epoch,
      offset: Math.max(position, before.lastSequence),
      isRecovered: false,
      unreadCount: await unreadCount,
      replay: [],
      position,
    };
  }
  // Offsets of another epoch mean nothing, nor does one that the stream has not reached: all that is kept is sent then.
  const isSameHistory = resume.epoch === before.epoch && resume.offset <= Math.max(before.lastSequence, position);
  const head = isSameHistory ? undefined : await history.freshHead();
  const isMeaningful =
    isSameHistory || (head !== undefined && resume.epoch === head.epoch && resume.offset <= head.lastSequence);
  const from = isMeaningful ? resume.offset : 0;
  const missed = await history.readAfter(channel.subject, from);
  const after = await history.freshHead();
  const kept = missed.map(({ offset }) => offset);
  const isOlderKept =
    isMeaningful &&
    after.firstSequence > resume.offset + 1 &&
    kept[0] !== resume.offset + 1 &&
    (await history.isKeptUpTo(channel.subject, resume.offset));
  const recovered = isMeaningful && isRecovered({ resume, head: after, kept, isOlderKept });
  const replay = toReplay(missed, Date.now());
  const first = replay[0];
  return {
    sessionId,
    epoch: after.epoch,
    // A client that loses the connection before the first replayed frame must ask for all of them again. With nothing to
    // replay, everything up to the head seen before subscribing is known to be there or not to exist.
    offset:
      first === undefined
        ? Math.max(from, before.epoch === after.epoch ? before.lastSequence : 0)
        : isMeaningful
          ? from
          : first.offset - 1,
    isRecovered: recovered,
    unreadCount: await unreadCount,
    replay,
    position: kept.at(-1) ?? from,
  };
}

/** The count is a courtesy: a store that does not answer must not keep users from what is sent live. */
async function countUnreadInTime(options: BeginOptions, user: UserCaller): Promise<number> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${UNREAD_MS_MAX} ms`)), UNREAD_MS_MAX);
  });
  try {
    return await Promise.race([options.countUnread(user), tooLate]);
  } catch (error) {
    options.log.warn(
      { event: "unread_not_counted", err: error },
      "the inbox can't be counted at the moment: the session begins with 0",
    );
    return 0;
  } finally {
    clearTimeout(timer);
  }
}
