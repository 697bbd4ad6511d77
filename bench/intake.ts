import { setTimeout as delay } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Client, createClient } from "@connectrpc/connect";
import { type Collection, MongoClient } from "mongodb";
import { EventService } from "../gen/intervention/v1/event_service_pb.js";
import { ShopEventKind, type ShopEventSchema } from "../gen/intervention/v1/shopper_pb.js";
import type { Engine } from "../src/start/index.ts";
import { startBenchEngine } from "./bench-engine.ts";
import { toTransport, untilAnswered } from "./call-engine.ts";
import { type Closing, closing } from "./closing.ts";
import { Latencies } from "./latencies.ts";
import { cpuBetween, readFigures, sum } from "./process-figures.ts";

export type IntakeOptions = {
  /** Events a second of the second part. */
  readonly rate: number;
  /** Of each part. */
  readonly seconds: number;
  readonly say: (line: string) => void;
};

const users = 5_000;
const batchMax = 1_000;
const callsAtOnce = 4;
const steadyBatchMs = 50;
const probeMs = 200;
const pollMs = 3;
const settleMsMax = 120_000;

type EventInit = MessageInitShape<typeof ShopEventSchema>;
type Sender = { readonly client: Client<typeof EventService>; sent: number };

/** Events of the shop from EventService into the store: as fast as they go, and how long one takes at a steady rate. */
export function benchIntake(options: IntakeOptions) {
  return closing((scope) => measure(options, scope));
}

async function measure({ rate, seconds, say }: IntakeOptions, { own }: Closing) {
  say("Starting the engine.");
  const engine = own(await startBenchEngine());
  const events = own(await openEvents(engine));
  const sender: Sender = { client: createClient(EventService, toTransport(engine)), sent: 0 };

  say(`Sending as fast as it goes for ${seconds} s.`);
  const before = readFigures(engine);
  const startMs = performance.now();
  const until = startMs + seconds * 1_000;
  const flood = async () => {
    while (performance.now() < until) await send(sender, batchMax);
  };
  await Promise.all(Array.from({ length: callsAtOnce }, flood));
  await untilCounted(events, sender.sent);
  const flooded = sender.sent;
  const tookS = (performance.now() - startMs) / 1_000;
  const cpuS = cpuBetween(before, readFigures(engine));

  say(`Sending ${rate} a second for ${seconds} s.`);
  const lags = await sendSteadily(sender, events, { rate, seconds });
  await untilCounted(events, sender.sent);
  const stored = await events.collection.countDocuments();
  const { p50, p99 } = lags.percentiles();
  return {
    applied_per_s: Math.round(flooded / tookS),
    lost: Math.max(0, sender.sent - stored),
    twice: Math.max(0, stored - sender.sent),
    lag_p99_ms: p99,
    lag_p50_ms: p50,
    events: sender.sent,
    rate,
    seconds,
    cpu_s: Math.round(sum(cpuS) * 100) / 100,
    cpu_by: cpuS,
  };
}

/** One call of so many events, spread over the users. */
async function send(sender: Sender, count: number): Promise<string> {
  const events = Array.from({ length: count }, (_, i) => toEvent(sender.sent + i));
  sender.sent += count;
  await untilAnswered(() => sender.client.ingestBatch({ events }));
  return String(events.at(-1)?.eventId);
}

function toEvent(n: number): EventInit {
  return {
    eventId: `bench-${n}`,
    kind: n % 10 === 0 ? ShopEventKind.ITEM_UPDATED : ShopEventKind.ITEM_ADDED,
    userId: `user-${n % users}`,
    occurTime: timestampFromMs(Date.now()),
    item: { productId: `product-${n % 7}`, quantity: 1, unitPrice: { currency: "EUR", minor: 995n } },
  };
}

/** From before the call until the event can be read from the store, of some of them. */
async function sendSteadily(
  sender: Sender,
  events: Events,
  { rate, seconds }: { readonly rate: number; readonly seconds: number },
): Promise<Latencies> {
  const lags = new Latencies();
  const sending: Promise<void>[] = [];
  const startMs = performance.now();
  let probedMs = 0;
  for (let batch = 0; batch * steadyBatchMs < seconds * 1_000; batch += 1) {
    const intendedMs = startMs + batch * steadyBatchMs;
    await delay(Math.max(0, intendedMs - performance.now()));
    const sent = send(sender, Math.round((rate * steadyBatchMs) / 1_000));
    const isProbed = intendedMs - probedMs >= probeMs;
    if (isProbed) probedMs = intendedMs;
    sending.push(
      sent.then(async (id) => (isProbed ? lags.record(await untilThere(events, id, intendedMs)) : undefined)),
    );
  }
  await Promise.all(sending);
  return lags;
}

async function untilThere({ collection, workspace }: Events, id: string, sinceMs: number): Promise<number> {
  while ((await collection.findOne({ _id: `${workspace}/${id}` }, { projection: { _id: 1 } })) === null)
    await delay(pollMs);
  return performance.now() - sinceMs;
}

type Events = AsyncDisposable & { readonly collection: Collection<{ _id: string }>; readonly workspace: string };

async function openEvents(engine: Engine): Promise<Events> {
  const client = new MongoClient(engine.servers.mongodbUrl);
  await client.connect();
  return {
    collection: client.db(engine.config.MONGODB_DATABASE).collection("shop_events"),
    workspace: engine.credentials.workspace,
    [Symbol.asyncDispose]: () => client.close(),
  };
}

async function untilCounted({ collection }: Events, count: number): Promise<void> {
  const deadline = performance.now() + settleMsMax;
  while ((await collection.estimatedDocumentCount()) < count && performance.now() < deadline) await delay(probeMs);
}
