import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { type Db, MongoClient } from "mongodb";
import { ChannelService } from "../gen/intervention/v1/channel_service_pb.js";
import { Channel, DeliveryGuarantee } from "../gen/intervention/v1/intervention_pb.js";
import { InterventionService, type TriggerRequestSchema } from "../gen/intervention/v1/intervention_service_pb.js";
import { ContactChannel, Purpose } from "../gen/intervention/v1/profile_pb.js";
import { OUTSIDE_CHANNELS } from "../src/domain/delivery/channel-names.ts";
import type { Engine } from "../src/start/index.ts";
import { startBenchEngine } from "./bench-engine.ts";
import { forEachOf, toTransport, untilAnswered } from "./call-engine.ts";
import { type Closing, closing } from "./closing.ts";
import { countEnded, countEnds } from "./deliver/count-ends.ts";
import { disturb } from "./deliver/disturb.ts";
import { startRecorder } from "./deliver/start-recorder.ts";
import { cpuBetween, readFigures, sum } from "./process-figures.ts";

export type DeliverOptions = {
  readonly deliveries: number;
  /** Whether workers, provider and NATS are killed, paused and slowed meanwhile. */
  readonly isKilling: boolean;
  readonly say: (line: string) => void;
  /** Between two disturbances, ms. Default: 1,500. */
  readonly everyMs?: number;
};

const batch = 1_000;
const callsAtOnce = 4;
const pollMs = 500;
const ratePerSMax = 100_000;
/** So long the sending takes at least with `--kill`, s. */
const disturbedS = 30;
const waitMsMax = 600_000;
const channels = [Channel.EMAIL, Channel.SMS, Channel.PUSH, Channel.WEBHOOK];

/** From DISPATCH to a provider that is a process of its own and syncs each send to a file: how many a second, and whether what it
 *  recorded is what the engine promises. */
export function benchDeliver(options: DeliverOptions) {
  return closing((scope) => measure(options, scope));
}

async function measure({ deliveries, isKilling, say, everyMs = 1_500 }: DeliverOptions, { own }: Closing) {
  say("Starting the engine and a provider.");
  const engine = own(
    await startBenchEngine({
      env: {
        PROCESSES: "api;gateway;decide,track,schedule,intake;deliver",
        WEBHOOK_ALLOW_PRIVATE: "true",
        // A killed worker's attempts are unknown after the provider's time-out, 10 s, and this.
        SEND_LEASE_MS: "5000",
      },
    }),
  );
  const recorder = own(await startRecorder(join(engine.config.DATA_DIR, "recorded.txt")));
  const db = own(await openDb(engine)).db;
  // Slow enough that what is done to it meets it at work.
  const ratePerS = isKilling ? Math.max(25, deliveries / channels.length / disturbedS) : ratePerSMax;
  await addAccounts(engine, recorder.url, ratePerS);

  say(`Accepting and deciding ${deliveries}.`);
  // What is measured is the sending: it begins when everything waits for it.
  engine.kill("deliver", "SIGSTOP");
  const accepted = await accept(engine, deliveries);
  const ids = accepted.map(({ id }) => id);
  const atMostOnce = new Set(accepted.filter((one) => one.isAtMostOnce).map(({ id }) => id));
  const isAtMostOnce = (id: string) => atMostOnce.has(id);
  const decisions = db.collection("decisions");
  await until(async () => (await decisions.estimatedDocumentCount()) >= deliveries, "everything decided");

  say("Sending.");
  const before = readFigures(engine);
  const startMs = performance.now();
  engine.kill("deliver", "SIGCONT");
  const stopping = new AbortController();
  const disturbing = isKilling
    ? disturb({ engine, recorder, signal: stopping.signal, say, everyMs })
    : Promise.resolve(0);
  let sentAtMs = startMs;
  let seen = 0;
  let disturbances = 0;
  await until(async () => {
    const count = await db.collection("attempt_results").estimatedDocumentCount();
    if (count > seen) [seen, sentAtMs] = [count, performance.now()];
    // Most of it under fire; then there must be an end to it.
    if (isKilling && count >= deliveries * 0.9) stopping.abort();
    return count >= deliveries && (await countEnded(db, isAtMostOnce)) >= deliveries;
  }, "everything sent");
  stopping.abort();
  disturbances = await disturbing;
  const tookS = (sentAtMs - startMs) / 1_000;
  const recorded = recorder.read();
  const cpuBy = isKilling ? {} : cpuBetween(before, readFigures(engine));
  return {
    sent_per_s: Math.round(deliveries / tookS),
    ...(await countEnds(db, ids, recorded, isAtMostOnce)),
    deliveries,
    disturbances,
    seconds: Math.round(tookS * 10) / 10,
    ...(isKilling ? {} : { cpu_s: Math.round(sum(cpuBy) * 10) / 10, cpu_by: cpuBy }),
  };
}

async function addAccounts(engine: Engine, url: string, ratePerS: number): Promise<void> {
  const client = createClient(ChannelService, toTransport(engine));
  for (const [index, channel] of channels.entries())
    await client.createProviderAccount({
      account: {
        channel,
        provider: "relay",
        from: channel === Channel.EMAIL ? "shop@example.com" : "Shop",
        ratePerS,
        displayName: OUTSIDE_CHANNELS[index] ?? "",
      },
      credential: { url, token: "bench" },
    });
}

type Accepted = { readonly id: string; readonly isAtMostOnce: boolean };

/** Every channel and both guarantees in turn. */
async function accept(engine: Engine, count: number): Promise<Accepted[]> {
  const client = createClient(InterventionService, toTransport(engine));
  const accepted: Accepted[] = [];
  const starts = Array.from({ length: Math.ceil(count / batch) }, (_, i) => i * batch);
  await forEachOf(starts, callsAtOnce, async (start) => {
    const numbers = Array.from({ length: Math.min(batch, count - start) }, (_, i) => start + i);
    const { results } = await untilAnswered(() => client.triggerBatch({ requests: numbers.map(toRequest) }));
    for (const [index, { result }] of results.entries()) {
      const n = numbers[index] ?? 0;
      if (result.case !== "response") throw new Error(`request ${n} was not accepted`);
      const name = OUTSIDE_CHANNELS[n % channels.length] ?? "email";
      accepted.push({ id: `${result.value.interventionId}:${name}`, isAtMostOnce: isMarketingLike(n) });
    }
  });
  return accepted;
}

const isMarketingLike = (n: number) => Math.floor(n / channels.length) % 2 === 0;

function toRequest(n: number): MessageInitShape<typeof TriggerRequestSchema> {
  return {
    idempotencyKey: `bench-${n}`,
    recipient: {
      userId: `user-${n}`,
      addresses: [
        { channel: ContactChannel.EMAIL, address: `user-${n}@example.com` },
        { channel: ContactChannel.SMS, address: `+4930${String(n).padStart(7, "0")}` },
        { channel: ContactChannel.PUSH, address: `token-${n}` },
      ],
    },
    content: { title: "Your order is on its way", body: "It arrives tomorrow between ten and noon." },
    policy: {
      channels: [channels[n % channels.length] ?? Channel.EMAIL],
      purpose: Purpose.SERVICE,
      deliveryGuarantee: isMarketingLike(n) ? DeliveryGuarantee.AT_MOST_ONCE : DeliveryGuarantee.AT_LEAST_ONCE,
    },
  };
}

async function openDb(engine: Engine): Promise<AsyncDisposable & { readonly db: Db }> {
  const client = new MongoClient(engine.servers.mongodbUrl);
  await client.connect();
  return { db: client.db(engine.config.MONGODB_DATABASE), [Symbol.asyncDispose]: () => client.close() };
}

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + waitMsMax;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${waitMsMax / 1_000} s`);
    await delay(pollMs);
  }
}
