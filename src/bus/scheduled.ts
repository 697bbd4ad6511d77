import { JetStreamApiError } from "@nats-io/jetstream";
import { Unavailable } from "../domain/errors.ts";
import type { Bus } from "./connect-bus.ts";

/** What has fired is read at once; a day is for a reader that was down. */
const FIRED_TTL = "24h";
/** The broker's answer when a subject's last sequence is another than expected. */
const WRONG_LAST_SEQUENCE = 10071;

/** The message that waits on a subject of DELAYED to be put on its target; undefined when none does, or it has fired.
 *  Read from the stream's leader: a copy may be behind. */
export async function findScheduled(
  bus: Bus,
  subject: string,
): Promise<{ readonly data: Uint8Array; readonly sequence: number } | undefined> {
  try {
    const found = await bus.jsm.streams.getMessage(bus.subjects.stream("DELAYED"), { last_by_subj: subject });
    return found === null ? undefined : { data: found.data, sequence: found.seq };
  } catch (error) {
    throw new Unavailable("bus", { cause: error });
  }
}

/** Has the broker put a message on `target` at a time, in place of the one that waits on the same subject.
 *  @param options.after the sequence of that one; 0 for none.
 *  @returns false when another one has come, or it has fired meanwhile: nothing is changed then. */
export async function replaceScheduled(
  bus: Bus,
  options: {
    readonly subject: string;
    readonly target: string;
    readonly data: Uint8Array;
    readonly at: Date;
    readonly after: number;
  },
): Promise<boolean> {
  const { subject, target, data, at, after } = options;
  try {
    await bus.js.publish(subject, data, {
      expect: { lastSubjectSequence: after },
      schedule: { specification: { at }, target, ttl: FIRED_TTL },
    });
    return true;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === WRONG_LAST_SEQUENCE) return false;
    throw new Unavailable("bus", { cause: error });
  }
}
