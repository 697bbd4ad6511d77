import { setTimeout as delay } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { AdminService } from "../gen/intervention/v1/admin_service_pb.js";
import type { Engine } from "../src/start/index.ts";
import { startBenchEngine } from "./bench-engine.ts";
import { type BenchStore, listInboxIds, openBenchStore } from "./bench-store.ts";
import { toTransport } from "./call-engine.ts";
import { type Closing, closing } from "./closing.ts";
import { machineMs } from "./latencies.ts";
import { startLoadProcess } from "./load/channel.ts";
import { finish, untilReceived } from "./load/finish-receivers.ts";
import type { FromNoisy, FromSender, Schedule, ToNoisy, ToSender } from "./load/messages.ts";
import { connectReceivers } from "./load/receivers.ts";
import { untilStill } from "./until-still.ts";

export type NoisyOptions = {
  /** Of each part: there are two to a pair. */
  readonly seconds: number;
  readonly pairs: number;
  /** Interventions a second that a workspace may ask for; undefined leaves the engine's default, which is more than it can do. */
  readonly limit: number | undefined;
  readonly say: (line: string) => void;
};

const quietRate = 50;
const sockets = 200;
const noisyBatch = 500;
const noisyCallsAtOnce = 64;
const noisyUsers = 10_000;
const untilStartMs = 500;
/** The noise comes before the quiet, so that what is measured is the quiet in the middle of it. */
const headStartMs = 2_000;
const burstMin = 1_000;
const stillMsMax = 45_000;
const pollMs = 500;

type Run = { readonly engine: Engine; readonly store: BenchStore; readonly seconds: number };

/** A quiet workspace on its own, and beside one that asks for as much as it can, in turn. */
export function benchNoisy(options: NoisyOptions) {
  return closing((scope) => measure(options, scope));
}

async function measure({ limit, pairs, say, seconds }: NoisyOptions, { own }: Closing) {
  say("Starting the engine.");
  const engine = own(await startBenchEngine({ env: limit === undefined ? {} : toSettings(limit) }));
  const store = own(await openBenchStore(engine));
  const run: Run = { engine, store, seconds };
  const noisyKey = await createNoisyWorkspace(engine);
  say("Warming up.");
  await measureBeside({ ...run, seconds: 3 }, noisyKey);
  const alone: Quiet[] = [];
  const beside: (Quiet & { readonly noisy: Noise })[] = [];
  for (let pair = 1; pair <= pairs; pair += 1) {
    say(`Pair ${pair} of ${pairs}: the quiet workspace alone.`);
    alone.push(await measureQuiet(run));
    say(`Pair ${pair} of ${pairs}: beside a noisy one.`);
    beside.push(await measureBeside(run, noisyKey));
  }
  const all = [...alone, ...beside];
  const noises = beside.map(({ noisy }) => noisy);
  return {
    quiet_alone_p50_ms: median(alone.map(({ p50 }) => p50)),
    quiet_alone_p99_ms: median(alone.map(({ p99 }) => p99)),
    quiet_beside_p50_ms: median(beside.map(({ p50 }) => p50)),
    quiet_beside_p99_ms: median(beside.map(({ p99 }) => p99)),
    noisy_accepted_per_s: median(noises.map(({ accepted, tookS }) => Math.round(accepted / tookS))),
    noisy_refused_per_s: median(noises.map(({ refused, tookS }) => Math.round(refused / tookS))),
    lost: total(all, ({ lost }) => lost),
    twice: total(all, ({ twice }) => twice),
    quiet_failed: total(all, ({ failed }) => failed),
    quiet_p99_ms_each: { alone: alone.map(({ p99 }) => p99), beside: beside.map(({ p99 }) => p99) },
    noisy_drain_s: median(noises.map(({ drainS }) => drainS)),
    noisy_reasons: noises.at(-1)?.reasons,
    rate: quietRate,
    seconds,
    pairs,
    ...(limit === undefined ? {} : { limit }),
  };
}

type Quiet = {
  readonly p50: number;
  readonly p99: number;
  readonly lost: number;
  readonly twice: number;
  readonly failed: number;
};

/** A call for each intervention, at intended times that wait for nobody, to sockets of their users. */
async function measureQuiet({ engine, store, seconds }: Run): Promise<Quiet> {
  return await closing(async ({ own }) => {
    const receivers = own(await connectReceivers(engine, sockets));
    const sender = own(startLoadProcess<FromSender, ToSender>("load-sender.ts"));
    const prepared = sender.next("prepared");
    const common = { caller: "grpc", url: engine.grpcUrl, apiKey: engine.credentials.api_key, batch: 1 } as const;
    sender.send({ kind: "prepare", ...common, users: sockets, from: 0, to: Math.round(quietRate * seconds) });
    await prepared;
    const schedule: Schedule = { startMs: machineMs() + untilStartMs, rate: quietRate, batch: 1 };
    const sending = sender.next("sent");
    for (const { send } of [sender, ...receivers.all]) send({ kind: "start", schedule });
    const sent = await sending;
    await untilReceived(receivers, sent.accepted.length, stillMsMax);
    const finished = await finish(receivers);
    const missing = sent.accepted.filter((id) => !finished.ids.has(id));
    const inbox = missing.length === 0 ? new Set<string>() : new Set(await listInboxIds(store));
    const { p50, p99 } = finished.latencies.percentiles();
    const failed = Object.values(sent.failed).reduce((all, times) => all + times, 0);
    return { p50, p99, failed, twice: finished.twice, lost: missing.filter((id) => !inbox.has(id)).length };
  });
}

type Noise = Extract<FromNoisy, { readonly kind: "stopped" }> & { readonly drainS: number };

async function measureBeside(run: Run, apiKey: string): Promise<Quiet & { readonly noisy: Noise }> {
  return await closing(async ({ own }) => {
    const noisy = own(startLoadProcess<FromNoisy, ToNoisy>("load-noisy.ts"));
    const prepared = noisy.next("prepared");
    noisy.send({
      kind: "prepare",
      ...{ url: run.engine.grpcUrl, apiKey, users: noisyUsers, batch: noisyBatch, callsAtOnce: noisyCallsAtOnce },
    });
    await prepared;
    const storedBefore = await run.store.inbox.estimatedDocumentCount();
    noisy.send({ kind: "start" });
    await delay(headStartMs);
    // Ends when the sender is through, not when everything has come: by then the noise would be over.
    const measuring = measureQuiet(run);
    const stopped = noisy.next("stopped");
    await delay(run.seconds * 1_000 + untilStartMs);
    noisy.send({ kind: "stop" });
    const noise = await stopped;
    const drainMs = machineMs();
    const quiet = await measuring;
    // Nobody of the crowd is connected: whatever was accepted for it is in an inbox in the end.
    const left = await untilStill({
      left: async () => Math.max(0, storedBefore + noise.accepted - (await run.store.inbox.estimatedDocumentCount())),
      stillMsMax,
      pollMs,
    });
    return {
      ...quiet,
      lost: quiet.lost + left,
      noisy: { ...noise, drainS: Math.round((machineMs() - drainMs) / 100) / 10 },
    };
  });
}

/** A second's worth at once, or a whole batch, which is the least there can be. */
function toSettings(limit: number): Readonly<Record<string, string>> {
  const [rate, burst] = [String(limit), String(Math.max(burstMin, limit))];
  return { KEY_RATE: rate, KEY_BURST: burst, WORKSPACE_RATE: rate, WORKSPACE_BURST: burst };
}

async function createNoisyWorkspace(engine: Engine): Promise<string> {
  const admin = createClient(AdminService, toTransport(engine));
  return (await admin.createWorkspace({ workspaceId: "noisy", displayName: "Noisy" })).secret;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function total<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((all, value) => all + of(value), 0);
}
