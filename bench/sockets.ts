import { setTimeout as delay } from "node:timers/promises";
import type { Engine } from "../src/start/index.ts";
import { startBenchEngine } from "./bench-engine.ts";
import { type Closing, closing } from "./closing.ts";
import { connectReceivers } from "./load/receivers.ts";
import { readFigures } from "./process-figures.ts";

export type SocketsOptions = { readonly sockets: number; readonly say: (line: string) => void };

/** The gateway alone in its process, so that what grows is the sockets'. */
const processes = "gateway;api,decide,track,schedule";
const socketsWarmup = 200;
const settleMs = 5_000;
const bytesPerMb = 1e6;

/** How much memory the gateway takes for each idle socket: resident memory with all connected and at rest, less what it was before.
 *  It is an upper bound, since garbage of the handshakes is in it that the collector has seen no need to clear yet. */
export function benchSockets(options: SocketsOptions) {
  return closing((scope) => measure(options, scope));
}

async function measure({ sockets, say }: SocketsOptions, { own }: Closing) {
  say("Starting the engine.");
  const engine = own(await startBenchEngine({ env: { PROCESSES: processes } }));
  // What the first connections make the program load and compile is not the sockets' either.
  const warmup = await connectReceivers(engine, socketsWarmup);
  await warmup[Symbol.asyncDispose]();
  await delay(settleMs);
  const before = await readGateway(engine);
  say(`Connecting ${sockets} sockets.`);
  const startMs = performance.now();
  const receivers = own(await connectReceivers(engine, sockets));
  const connectMs = performance.now() - startMs;
  await delay(settleMs);
  const after = await readGateway(engine);
  const perSocket = (mb: number) => Math.round((mb * bytesPerMb) / sockets);
  return {
    sockets,
    open: after.open - before.open,
    bytes_per_socket: perSocket(after.rssMb - before.rssMb),
    heap_bytes_per_socket: perSocket(after.heapMb - before.heapMb),
    gateway_rss_mb: Math.round(after.rssMb),
    gateway_rss_mb_before: Math.round(before.rssMb),
    connect_s: Math.round(connectMs / 100) / 10,
    load_processes: receivers.all.length,
  };
}

async function readGateway(engine: Engine): Promise<{ rssMb: number; heapMb: number; open: number }> {
  const metrics = await (await fetch(`${engine.edgeUrl}/metrics`)).text();
  const metric = (name: string) =>
    metrics
      .split("\n")
      .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
      .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(" "))), 0);
  const rss = Object.entries(readFigures(engine).rssMb).find(([name]) => name === "gateway");
  return {
    rssMb: rss?.[1] ?? Number.NaN,
    heapMb: metric("nodejs_heap_size_used_bytes") / bytesPerMb,
    open: metric("intervention_sockets"),
  };
}
