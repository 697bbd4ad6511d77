import { relative } from "node:path";
import { ConfigError, describeConfig } from "./config.ts";
import { credentialsPath } from "./first-start.ts";
import { type Engine, startEngine } from "./start/engine.ts";
import { type ProcessLog, stderrLog } from "./start/process-log.ts";
import { readyText } from "./start/ready-text.ts";
import { StartFailure } from "./start/start-failure.ts";

/** npm, shells and process managers send one stop to several processes, who pass it on: that is still one. */
const sameSignalMs = 300;
const log: ProcessLog = { ...stderrLog, info: (_fields, message) => void process.stderr.write(`${message}\n`) };

const args = process.argv.slice(2);
if (args.includes("--help") || args.includes("-h")) {
  process.stdout.write(`npm start runs the whole engine. Settings come from the environment:\n\n${describeConfig()}\n`);
} else if (args.length > 0) {
  process.stderr.write(`npm start takes no ${args[0]}: settings come from the environment, and --help lists them.\n`);
  process.exitCode = 1;
} else {
  await run();
}

/** `npm start`: starts the engine, says where it is, and stays until a signal ends it. */
async function run(): Promise<void> {
  const stopped = Promise.withResolvers<void>();
  let engine: Engine | undefined;
  let firstSignalMs: number | undefined;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      // While it starts there is nothing to drain, and every child ends with us.
      if (engine === undefined) process.exit(1);
      if (firstSignalMs === undefined) {
        firstSignalMs = performance.now();
        log.info({ event: "stopping", signal }, "Stopping: draining first; once more ends it at once.");
        engine.stop().then(stopped.resolve, stopped.reject);
      } else if (performance.now() - firstSignalMs > sameSignalMs) engine.killAll();
    });
  }
  try {
    engine = await startEngine({ env: process.env, log });
  } catch (error) {
    if (!(error instanceof StartFailure || error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
  process.stdout.write(
    readyText({
      edgeUrl: engine.edgeUrl,
      grpcUrl: engine.grpcUrl,
      workspace: engine.credentials.workspace,
      credentialsPath: relative(process.cwd(), credentialsPath(engine.config.DATA_DIR)),
      hasTryPage: engine.config.TRY_PAGE,
      tookMs: performance.now(),
    }),
  );
  await stopped.promise;
  log.info({ event: "stopped" }, "Stopped.");
}
