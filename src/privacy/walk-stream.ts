import type { StoredMsg } from "@nats-io/jetstream";
import { headers as createHeaders, Match } from "@nats-io/transport-node";
import {
  type Bus,
  findConsumer,
  REPUBLISHED,
  REPUBLISHED_AFTER_OUT,
  readBatch,
  type StreamName,
  toSubjectToken,
} from "../bus/index.ts";
import { STREAMS, type Stored, withoutUsers } from "./streams.ts";

const PAGE = 50;

type Whose = { readonly workspace: string; readonly userIds: ReadonlySet<string> };

const toStored = (message: StoredMsg): Stored => ({
  subject: message.subject,
  data: message.data,
  header: (name) => message.header?.get(name, Match.IgnoreCase) ?? "",
});

/** Every message of a stream that is about one of these users, with what of it is theirs. */
export async function* findInStream(bus: Bus, stream: StreamName, { workspace, userIds }: Whose) {
  const { filter, isOwnSubject = false } = STREAMS[stream];
  const tokens = isOwnSubject ? [...userIds].map(toSubjectToken) : [""];
  for (const userToken of tokens) {
    const subject = filter(bus.subjects, { workspace, userToken });
    for (let from = 1; ; ) {
      const page = await readBatch(bus, { stream: bus.subjects.stream(stream), subject, from, limit: PAGE });
      for (const message of page) {
        const found = withoutUsers(stream, toStored(message), userIds);
        if (found !== undefined) yield { message, ...found };
      }
      const last = page.at(-1);
      if (last === undefined) break;
      from = last.seq + 1;
    }
  }
}

/** Takes these users out of a stream. What shares a message with them is published again without them, then the message is
 *  overwritten and removed: interrupted in between, something is there twice, never lost, and readers know items by their ids.
 *  @returns how many items were each user's. */
export async function eraseFromStream(bus: Bus, stream: StreamName, whose: Whose): Promise<Map<string, number>> {
  const erased = new Map<string, number>();
  const name = bus.subjects.stream(stream);
  const count = (items: readonly { readonly userId: string }[]) => {
    for (const { userId } of items) erased.set(userId, (erased.get(userId) ?? 0) + 1);
  };
  const floor = stream === "TRACKING" ? await findEventsOutFloor(bus) : 0;
  for await (const { message, taken, rest } of findInStream(bus, stream, whose)) {
    if (rest !== undefined) await publishRest(bus, message, rest, floor);
    await bus.jsm.streams.deleteMessage(name, message.seq, true);
    count(taken);
  }
  if (STREAMS[stream].isOwnSubject === true)
    for (const userId of whose.userIds) {
      const filter = STREAMS[stream].filter(bus.subjects, {
        workspace: whose.workspace,
        userToken: toSubjectToken(userId),
      });
      await bus.jsm.streams.purge(name, { filter });
    }
  return erased;
}

async function publishRest(bus: Bus, message: StoredMsg, rest: Uint8Array, floor: number): Promise<void> {
  const headers = createHeaders();
  for (const [name, [value = ""]] of message.header ?? []) if (!name.startsWith("Nats-")) headers.set(name, value);
  headers.set(REPUBLISHED, message.seq <= floor ? REPUBLISHED_AFTER_OUT : "again");
  await bus.js.publish(message.subject, rest, { headers });
}

/** Up to where everything has left as CloudEvents. */
async function findEventsOutFloor(bus: Bus): Promise<number> {
  const info = await findConsumer(bus, "TRACKING", "events-out");
  return info?.ack_floor.stream_seq ?? 0;
}
