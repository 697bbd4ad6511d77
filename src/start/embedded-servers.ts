import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { lockDataDir } from "./data-dir-lock.ts";
import type { KeptProcess } from "./kept-process.ts";
import { startMongoServer } from "./mongo-server.ts";
import { startNatsServer } from "./nats-server.ts";
import { type ProcessLog, stderrLog } from "./process-log.ts";
import { StartFailure } from "./start-failure.ts";

export interface EmbeddedServersOptions {
  /** Holds the servers' files; made when it is not there, and locked while they run. Tests give a folder of their own. */
  readonly dataDir: string;
  /** A port is chosen when left out: one that is free now, and kept over restarts of the server. */
  readonly natsPort?: number;
  readonly natsMonitorPort?: number;
  readonly mongoPort?: number;
  /** An own server to use in place of the embedded one, which is not started then. */
  readonly natsUrl?: string | undefined;
  readonly mongodbUrl?: string | undefined;
  /** Where `deploy/setup` unpacked the servers. Default: `.tools/embedded` of this checkout. */
  readonly toolsDir?: string;
  /** Default: warnings as plain lines on stderr. */
  readonly log?: ProcessLog;
}

export interface EmbeddedServers extends AsyncDisposable {
  readonly natsUrl: string;
  /** Undefined when the NATS server is not ours. */
  readonly natsMonitorUrl: string | undefined;
  readonly mongodbUrl: string;
  /** Undefined when the server is not ours. Its `pid` changes when it is started again after a death. */
  readonly nats: KeptProcess | undefined;
  readonly mongo: KeptProcess | undefined;
  stop(): Promise<void>;
}

/** How long a server gets to flush and close its files before it is killed; both sync as they go, so little is left. */
const stopMsMax = 10_000;

/**
 * Starts NATS and a MongoDB-protocol server on 127.0.0.1 and returns once both answer their own protocol.
 * They come back on the same ports when they die, and end with this process, however it ends.
 */
export async function startEmbeddedServers(options: EmbeddedServersOptions): Promise<EmbeddedServers> {
  const dataDir = resolve(options.dataDir);
  const toolsDir = options.toolsDir ?? fileURLToPath(new URL("../../.tools/embedded", import.meta.url));
  const log = options.log ?? stderrLog;
  const isAnyOurs = options.natsUrl === undefined || options.mongodbUrl === undefined;
  const unlock = isAnyOurs ? await prepareDataDir(dataDir) : undefined;

  const shared = { dataDir, toolsDir, log };
  // Both at once: together they take as long as the slower one. Whichever started is stopped when the other fails.
  const [nats, mongo] = await Promise.allSettled([
    options.natsUrl === undefined
      ? startNatsServer({ ...shared, port: options.natsPort, monitorPort: options.natsMonitorPort })
      : undefined,
    options.mongodbUrl === undefined ? startMongoServer({ ...shared, port: options.mongoPort }) : undefined,
  ]);
  async function stop(): Promise<void> {
    const started = [nats, mongo].flatMap((outcome) => (outcome.status === "fulfilled" ? (outcome.value ?? []) : []));
    await Promise.all(started.map(({ server }) => server.stop({ signal: "SIGTERM", timeoutMs: stopMsMax })));
    await unlock?.();
  }
  if (nats.status === "rejected" || mongo.status === "rejected") {
    await stop();
    const failed = [nats, mongo].find((outcome) => outcome.status === "rejected");
    throw explainRefusal(failed?.reason, dataDir);
  }

  return {
    natsUrl: options.natsUrl ?? urlOf(nats.value),
    natsMonitorUrl: nats.value?.monitorUrl,
    mongodbUrl: options.mongodbUrl ?? urlOf(mongo.value),
    nats: nats.value?.server,
    mongo: mongo.value?.server,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function urlOf(started: { url: string } | undefined): string {
  if (started === undefined) throw new Error("a server that was not given is always started");
  return started.url;
}

/** Made, locked, and ready for the servers' logs. Returns what gives the lock back. */
async function prepareDataDir(dataDir: string): Promise<() => Promise<void>> {
  try {
    await mkdir(join(dataDir, "logs"), { recursive: true });
    return await lockDataDir(dataDir);
  } catch (error) {
    throw explainRefusal(error, dataDir);
  }
}

/** What the file system refuses, in a sentence; every other failure has one already. */
function explainRefusal(error: unknown, dataDir: string): unknown {
  if (!(error instanceof Error) || error instanceof StartFailure || !("code" in error)) return error;
  const wayOut =
    error.code === "ENOSPC"
      ? "make room on its disk, or set DATA_DIR to a folder on another"
      : "set DATA_DIR to another folder";
  return new StartFailure(`the data folder ${dataDir} cannot be written (${error.message}): ${wayOut}.`, {
    cause: error,
  });
}
