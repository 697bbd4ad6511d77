import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { InterventionService } from "../gen/intervention/v1/intervention_service_pb.js";
import { StartFailure } from "../src/start/index.ts";
import { startBenchEngine } from "./bench-engine.ts";
import { toTransport } from "./call-engine.ts";
import { type Closing, closing } from "./closing.ts";
import { type Exchange, findEarlyReplies } from "./sync/early-replies.ts";
import { parseSystemCalls } from "./sync/system-calls.ts";

export type SyncOptions = { readonly calls: number; readonly say: (line: string) => void };

const settleMs = 500;
/** What strace shows of each buffer; subjects, commands and replies lie within the first bytes. */
const textMax = 300;
const traced = "read,recvfrom,recvmsg,write,writev,pwrite64,sendto,sendmsg,fsync,fdatasync";

/** The broker's acknowledgement of a message, and the block of the stream that holds it. */
const broker: Exchange = {
  isRequest: ({ text }) => /PUB iv\.[^ ]+/.test(text),
  isReply: ({ text }) => text.includes('\\"stream\\":\\"INTERVENTIONS\\"'),
  isFile: (target) => /\/INTERVENTIONS\/msgs\/\d+\.blk$/.test(target),
};
/** The database's answer to an insert into the ledger, and its log. */
const ledger: Exchange = {
  isRequest: ({ text }) => /insert\\0.{1,24}interventions\\0/.test(text),
  isReply: ({ target }) => target.startsWith("socket:"),
  isFile: (target) => /\/WiredTigerLog\.\d+$/.test(target),
};

/** Shows that no acknowledgement leaves a server before what it acknowledges is on disk, by the system calls of both servers while
 *  interventions are accepted one after the other. A process that is killed proves nothing of the kind: what it wrote is still in
 *  the kernel's memory. Needs strace, and the right to trace. */
export function benchSync(options: SyncOptions) {
  return closing((scope) => measure(options, scope));
}

async function measure({ calls, say }: SyncOptions, { own }: Closing) {
  say("Starting the engine.");
  const engine = own(await startBenchEngine());
  const folder = await mkdtemp(join(tmpdir(), "engine-sync-"));
  try {
    const servers = [
      { pid: engine.servers.nats?.pid, path: join(folder, "nats") },
      { pid: engine.servers.mongo?.pid, path: join(folder, "mongo") },
    ] as const;
    const tracers = await Promise.all(servers.map(({ pid, path }) => attach(pid, path)));
    say(`Accepting ${calls} interventions, one after the other.`);
    const client = createClient(InterventionService, toTransport(engine));
    for (let n = 0; n < calls; n += 1)
      await client.trigger({ recipient: { userId: `user-${n}` }, content: { title: `Offer ${n}` } });
    await delay(settleMs);
    await Promise.all(tracers.map(detach));
    const [nats, mongo] = await Promise.all(
      servers.map(async ({ path }) => parseSystemCalls(await readFile(path, "utf8"))),
    );
    const published = findEarlyReplies(nats ?? [], broker);
    const recorded = findEarlyReplies(mongo ?? [], ledger);
    return {
      accepted: calls,
      broker_answers: published.answered,
      broker_early: published.early.length,
      ledger_answers: recorded.answered,
      ledger_early: recorded.early.length,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Resolves once every thread of the process is traced. */
async function attach(pid: number | undefined, path: string): Promise<ChildProcess> {
  const args = [
    "-f",
    "-ttt",
    "-T",
    "-y",
    "-s",
    String(textMax),
    "-e",
    `trace=${traced}`,
    "-o",
    path,
    "-p",
    String(pid),
  ];
  const tracer = spawn("strace", args, { stdio: ["ignore", "ignore", "pipe"] });
  const words: string[] = [];
  tracer.stderr.on("data", (data: Buffer) => words.push(data.toString()));
  const failed = Promise.race([once(tracer, "error").then(([error]) => String(error)), once(tracer, "exit")]);
  const outcome = await Promise.race([failed, delay(settleMs).then(() => "attached" as const)]);
  if (outcome !== "attached")
    throw new StartFailure(
      `strace can't watch process ${pid}: ${words.join("").trim() || String(outcome)}; it is needed here, and the right to trace.`,
    );
  return tracer;
}

async function detach(tracer: ChildProcess): Promise<void> {
  const ended = once(tracer, "exit");
  tracer.kill("SIGINT");
  await ended;
}
