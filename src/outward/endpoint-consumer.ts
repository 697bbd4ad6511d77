import { AckPolicy, type Consumer, type ConsumerConfig, DeliverPolicy, JetStreamApiError } from "@nats-io/jetstream";
import { nanos } from "@nats-io/transport-node";
import { type Bus, findConsumer } from "../bus/index.ts";
import type { WebhookEndpointDocument } from "../store/index.ts";

type Endpoint = Pick<WebhookEndpointDocument, "_id" | "workspaceId" | "kinds" | "generation" | "from">;

/** A message of which nothing is heard for this long is handed out again: so long it is missing when its courier was killed. */
export const ACK_WAIT_MS = 20_000;
/** Those set aside count too. */
const ACK_PENDING_MAX = 2_000;
const NOT_FOUND = 404;

const nameOf = (endpointId: string, generation: number) => `webhook-${endpointId}-${generation}`;

/** The durable consumer that knows how far an endpoint is, made where there is none. */
export async function openEndpointConsumer(bus: Bus, endpoint: Endpoint): Promise<Consumer> {
  const stream = bus.subjects.stream("TRACKING");
  const name = nameOf(endpoint._id, endpoint.generation);
  const kinds = endpoint.kinds.length === 0 ? ["*"] : endpoint.kinds;
  const changes = {
    filter_subjects: kinds.map((kind) => bus.subjects.track(endpoint.workspaceId, kind)),
    ack_wait: nanos(ACK_WAIT_MS),
    max_ack_pending: ACK_PENDING_MAX,
    max_deliver: -1,
  };
  const start: Pick<ConsumerConfig, "deliver_policy" | "opt_start_seq" | "opt_start_time"> =
    "sequence" in endpoint.from
      ? { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: endpoint.from.sequence }
      : { deliver_policy: DeliverPolicy.StartTime, opt_start_time: endpoint.from.time.toISOString() };
  if ((await findConsumer(bus, "TRACKING", name)) === undefined)
    await bus.jsm.consumers.add(stream, { durable_name: name, ack_policy: AckPolicy.Explicit, ...start, ...changes });
  else await bus.jsm.consumers.update(stream, name, changes);
  if (endpoint.generation > 0) await dropEndpointConsumer(bus, endpoint._id, endpoint.generation - 1);
  return bus.js.consumers.get(stream, name);
}

/** Forgets how far an endpoint is. Safe to repeat. */
export async function dropEndpointConsumer(bus: Bus, endpointId: string, generation: number): Promise<void> {
  try {
    await bus.jsm.consumers.delete(bus.subjects.stream("TRACKING"), nameOf(endpointId, generation));
  } catch (error) {
    if (!(error instanceof JetStreamApiError && error.status === NOT_FOUND)) throw error;
  }
}
