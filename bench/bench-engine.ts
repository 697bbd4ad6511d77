import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Engine, startEngine } from "../src/start/index.ts";
import type { ProcessLog } from "../src/start/process-log.ts";

export type BenchEngineOptions = {
  /** Settings beyond the defaults, such as PROCESSES. */
  readonly env?: Readonly<Record<string, string>>;
  readonly log?: ProcessLog;
};

const benchDir = fileURLToPath(new URL("../.data/bench", import.meta.url));

/** Starts an engine of its own on free ports. Its data lie in the checkout, like those of `npm start`, since a temporary folder
 *  may be kept in memory, where syncing costs nothing. They are gone when it stops, also on SIGINT and SIGTERM. */
export async function startBenchEngine(options: BenchEngineOptions = {}): Promise<Engine> {
  mkdirSync(benchDir, { recursive: true });
  const dataDir = mkdtempSync(join(benchDir, "run-"));
  const remove = () => rmSync(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  let engine: Engine | undefined;
  const onSignal = () => {
    engine?.killAll();
    process.exit(130);
  };
  process.once("SIGINT", onSignal).once("SIGTERM", onSignal);
  // Servers that die with us may still write for an instant; what is left then, the next run's owner may delete.
  process.once("exit", remove);
  engine = await startEngine({
    env: { ...inherited(), EDGE_PORT: "0", GRPC_PORT: "0", LOG_LEVEL: "warn", ...options.env, DATA_DIR: dataDir },
    roleLogs: "files",
    ...(options.log === undefined ? {} : { log: options.log }),
  });
  return engine;
}

/** What the caller's shell sets for an engine must not leak into a measurement; NATS_URL and the like would. */
function inherited(): NodeJS.ProcessEnv {
  const { PATH, HOME, NODE_OPTIONS, npm_lifecycle_event } = process.env;
  return { PATH, HOME, NODE_OPTIONS, npm_lifecycle_event };
}
