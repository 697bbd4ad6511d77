import { toBinary } from "@bufbuild/protobuf";
import { nuid } from "@nats-io/transport-node";
import { type DeliveryMessage, DeliveryMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import { Priority } from "../../gen/intervention/v1/intervention_pb.js";
import { invariant } from "../domain/assert.ts";
import { toOutsideChannel } from "../domain/delivery/channel-names.ts";
import { Unavailable } from "../domain/errors.ts";
import type { Bus } from "./connect-bus.ts";
import { type PackedItem, packItems } from "./packed-publisher.ts";
import { PRIORITY_NAMES, type PriorityName, type Subjects } from "./subjects.ts";

/** What has fired is read at once; a week is for senders that were down. */
const FIRED_TTL = "168h";
/** Times are rounded up to multiples of this, so that what was put off with some jitter shares messages still. */
const TIMES_APART_MS = 250;
const PER_MESSAGE_MAX = 500;
const BYTES_PER_MESSAGE_MAX = 512 * 1_024;

const workspaceOf = ({ intervention }: DeliveryMessage) => intervention?.workspace ?? "";

/** Which of the queues it waits in. */
const priorityOf = ({ intervention }: Pick<DeliveryMessage, "intervention">): PriorityName =>
  PRIORITY_NAMES[intervention?.priority ?? Priority.NORMAL];

/** A delivery as it goes on DISPATCH to be sent. */
export function toDispatchItem(subjects: Subjects, delivery: DeliveryMessage): PackedItem {
  const channel = toOutsideChannel(delivery.channel);
  invariant(channel !== undefined, "only what a provider carries is dispatched");
  return {
    subject: subjects.dispatch(workspaceOf(delivery), channel, priorityOf(delivery)),
    body: toBinary(DeliveryMessageSchema, delivery),
  };
}

/** A delivery that is to be looked at again at a time. */
export type PutOff = { readonly delivery: DeliveryMessage; readonly at: Date };

/** Has the broker bring deliveries back at their times. Those of one workspace, priority and moment share a message, since each
 *  message costs a sync. What fires twice, or beside another, finds in the store what was done.
 *  @returns when all are on disk. @throws Unavailable when some may not be; doing it again is safe. */
export async function putOff(bus: Bus, waiting: readonly PutOff[]): Promise<void> {
  const rounded = waiting.map(({ delivery, at }) => ({
    delivery,
    at: new Date(Math.ceil(at.getTime() / TIMES_APART_MS) * TIMES_APART_MS),
  }));
  const groups = Map.groupBy(rounded, ({ delivery, at }) =>
    [workspaceOf(delivery), priorityOf(delivery), at.getTime()].join("/"),
  );
  try {
    await Promise.all([...groups.values()].flatMap((group) => inChunks(group).map((chunk) => schedule(bus, chunk))));
  } catch (error) {
    throw new Unavailable("bus", { cause: error });
  }
}

async function schedule(bus: Bus, chunk: readonly (PutOff & { readonly body: Uint8Array })[]): Promise<void> {
  const [first] = chunk;
  if (first === undefined) return;
  const [workspace, priority, id] = [workspaceOf(first.delivery), priorityOf(first.delivery), nuid.next()];
  const target = bus.subjects.sendNow(workspace, priority, id);
  await bus.js.publish(bus.subjects.putOff(workspace, priority, id), packItems(chunk.map(({ body }) => body)), {
    schedule: { specification: { at: first.at }, target, ttl: FIRED_TTL },
  });
}

function inChunks(group: readonly PutOff[]) {
  const chunks: (PutOff & { readonly body: Uint8Array })[][] = [];
  let bytes = 0;
  for (const one of group) {
    const body = toBinary(DeliveryMessageSchema, one.delivery);
    const current = chunks.at(-1);
    bytes += body.length;
    if (current === undefined || current.length === PER_MESSAGE_MAX || bytes > BYTES_PER_MESSAGE_MAX) {
      chunks.push([{ ...one, body }]);
      bytes = body.length;
    } else current.push({ ...one, body });
  }
  return chunks;
}

/** How many messages of a workspace wait to be brought back. */
export async function countPutOff(bus: Bus, workspace: string): Promise<number> {
  const counts = await Promise.all(
    bus.subjects.putOffOf(workspace).map(async (filter) => {
      const info = await bus.jsm.streams.info(bus.subjects.stream("DELAYED"), { subjects_filter: filter });
      return Object.values(info.state.subjects ?? {}).reduce((sum, count) => sum + count, 0);
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}
