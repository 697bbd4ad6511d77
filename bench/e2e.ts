import { setTimeout as delay } from "node:timers/promises";
import type { Engine } from "../src/start/index.ts";
import { startBenchEngine } from "./bench-engine.ts";
import { type BenchStore, listInboxIds, openBenchStore, waitForEvents } from "./bench-store.ts";
import { type Closing, closing } from "./closing.ts";
import { Latencies, machineMs } from "./latencies.ts";
import { finish, untilReceived } from "./load/finish-receivers.ts";
import type { Caller, Schedule, Via } from "./load/messages.ts";
import { numberArrivals } from "./load/number-arrivals.ts";
import { prepareSender, type Sender } from "./load/prepare-sender.ts";
import { connectReceivers } from "./load/receivers.ts";
import { cpuBetween, type Figures, readFigures, sum } from "./process-figures.ts";

export type E2eOptions = {
  /** Interventions a second. */
  readonly rate: number;
  readonly sockets: number;
  readonly seconds: number;
  /** Load of the same kind before, which counts nowhere: a program that has just started is slower than it will be. */
  readonly warmupSeconds: number;
  /** 1 is a call each; more is so many to a TriggerBatch. */
  readonly batch: number;
  readonly transport: Caller;
  /** How interventions are made: by calls, or by predictions on the stream that a campaign waits for, or half of them by each at the
   *  same time, so that whatever else goes on is the same for both. Predictions are single messages, and know no `batch`. */
  readonly via: Via | "both";
  readonly say: (line: string) => void;
};

const untilStartMs = 500;
const figuresEveryMs = 500;
/** Beyond what the engine waits before it puts what no device acknowledged into the inbox. */
const stillMsMax = 45_000;
const newestCount = 1_000;

/** Interventions from one process through the engine to sockets in others, at intended times that wait for nobody. */
export function benchE2e(options: E2eOptions) {
  return closing((scope) => measure(options, scope));
}

async function measure(options: E2eOptions, { own }: Closing) {
  const { batch, rate, say, sockets } = options;
  say("Starting the engine.");
  const engine = own(await startBenchEngine());
  say(`Connecting ${sockets} sockets.`);
  const receivers = own(await connectReceivers(engine, sockets));
  const { transport, via } = options;
  const vias: readonly Via[] = via === "both" ? ["rpc", "prediction"] : [via];
  const eachRate = rate / vias.length;
  const warmup = Math.round((eachRate * options.warmupSeconds) / batch) * batch;
  const to = Math.round(eachRate * options.seconds);
  const senders: Sender[] = [];
  for (const one of vias)
    senders.push(own(await prepareSender(engine, { via: one, transport, batch, users: sockets, from: -warmup, to })));

  say(`Sending ${rate} a second for ${options.seconds} s, after ${options.warmupSeconds} s of warm-up.`);
  const startMs = machineMs() + untilStartMs + (warmup / eachRate) * 1_000;
  const schedule: Schedule = { startMs, rate: eachRate, batch };
  const sending = Promise.all(senders.map((sender) => sender.next("sent")));
  for (const { send } of [...senders, ...receivers.all]) send({ kind: "start", schedule });
  await delay(schedule.startMs - machineMs());
  const before = readFigures(engine);
  const peak = watchMemory(engine);
  const sent = await sending;
  const sentMs = machineMs();
  const sentCount = sum(sent.map(({ accepted }) => accepted.length));

  say("Waiting until everything accepted has arrived and is recorded.");
  // Receivers can't tell predictions of the warm-up from the others.
  await untilReceived(receivers, sentCount + (vias.includes("prediction") ? warmup : 0), stillMsMax);
  const store = own(await openBenchStore(engine));
  const finished = await toFinished(store, await finish(receivers), vias, schedule);
  const accepted = [...(vias.includes("rpc") ? (sent[0]?.accepted ?? []) : []), ...finished.predicted];
  // Events are stored in about their order: with the newest there, the engine has done its work, and its figures can be taken
  // before the rest is counted, which is work of ours.
  await waitForEvents(store, { kind: "displayed", interventionIds: [...finished.ids].slice(-newestCount), stillMsMax });
  const after = readFigures(engine);
  const drainedMs = machineMs();
  const delivered = await waitForEvents(store, { kind: "delivered", interventionIds: finished.ids, stillMsMax });
  const displayed = await waitForEvents(store, { kind: "displayed", interventionIds: finished.ids, stillMsMax });
  const inbox = new Set(await listInboxIds(store));
  const found = accepted.filter((id) => finished.ids.has(id) || inbox.has(id)).length;
  // Every call that was answered and every prediction that was stored is to lead to one.
  const lost = sentCount - found;
  const percentiles = finished.latencies.percentiles();
  const percentilesBy = Object.entries(finished.latenciesBy).map(([name, latencies]) => [
    name,
    latencies.percentiles(),
  ]);
  const cpuBy = cpuBetween(before, after);
  const loadCpuS = sum(sent.map(({ cpuS }) => cpuS)) + finished.cpuS;
  const rssBy = peak();
  return {
    rate,
    accepted: accepted.length,
    delivered,
    displayed,
    lost,
    twice: finished.twice,
    p50_ms: percentiles.p50,
    p99_ms: percentiles.p99,
    p999_ms: percentiles.p999,
    cpu_s: round(sum(cpuBy)),
    rss_mb: round(sum(rssBy)),
    max_ms: percentiles.max,
    received: finished.ids.size,
    to_inbox: accepted.filter((id) => inbox.has(id)).length,
    failed: Object.assign({}, ...sent.map(({ failed }) => failed)),
    sockets,
    seconds: options.seconds,
    batch,
    transport: via === "prediction" ? "nats" : transport,
    via,
    ...(via === "both" ? { by_via: Object.fromEntries(percentilesBy) } : {}),
    // Until the last one was answered; more than `seconds` means that accepting fell behind.
    accept_s: round((sentMs - schedule.startMs) / 1_000),
    drain_s: round((drainedMs - sentMs) / 1_000),
    sender_late_ms_max: round(Math.max(...sent.map(({ lateMsMax }) => lateMsMax))),
    closed_sockets: finished.closed,
    faults: finished.faults,
    cpu_by: cpuBy,
    rss_by: rssBy,
    load_cpu_s: round(loadCpuS),
    // Whatever else ran on the machine meanwhile, this program included: much of it spoils the figures.
    other_cpu_s: round(Math.max(0, after.machineCpuS - before.machineCpuS - sum(cpuBy) - loadCpuS)),
  };
}

/** Tells what came of calls from what came of predictions, whose warm-up is left out here. */
async function toFinished(
  store: BenchStore,
  received: Awaited<ReturnType<typeof finish>>,
  vias: readonly Via[],
  schedule: Schedule,
) {
  if (!vias.includes("prediction")) return { ...received, latenciesBy: { rpc: received.latencies }, predicted: [] };
  const numbered = await numberArrivals(store, received.arrivals, schedule);
  const isNumbered = new Set(received.arrivals.map(([id]) => id));
  const ids = new Set([...[...received.ids].filter((id) => !isNumbered.has(id)), ...numbered.ids]);
  const latencies = new Latencies();
  for (const some of [received.latencies, numbered.latencies]) latencies.add(some.toText());
  const latenciesBy = { rpc: received.latencies, prediction: numbered.latencies };
  return { ...received, ids, latencies, latenciesBy, predicted: numbered.accepted };
}

/** Looks at the memory now and then. @returns a function that ends it and gives the greatest seen of each process. */
function watchMemory(engine: Engine): () => Record<string, number> {
  const peak: Record<string, number> = {};
  const look = () => {
    const { rssMb }: Figures = readFigures(engine);
    for (const [name, mb] of Object.entries(rssMb)) peak[name] = Math.max(peak[name] ?? 0, round(mb));
  };
  look();
  const timer = setInterval(look, figuresEveryMs);
  return () => {
    clearInterval(timer);
    look();
    return peak;
  };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
