import { join, resolve } from "node:path";
import { type Config, loadConfig, type Role } from "../config.ts";
import { Unavailable } from "../domain/errors.ts";
import { BadCredentialsFile, type Credentials, ensureCredentials } from "../first-start.ts";
import { ensureCredentialKey } from "./credential-key.ts";
import { type EmbeddedServers, startEmbeddedServers } from "./embedded-servers.ts";
import { freePort, listenProblem } from "./free-port.ts";
import type { KeptProcess } from "./kept-process.ts";
import { type ProcessLog, stderrLog } from "./process-log.ts";
import { parseProcesses } from "./processes.ts";
import { startRoleProcess } from "./role-process.ts";
import { StartFailure } from "./start-failure.ts";

export interface EngineOptions {
  /** The settings, as in the environment of `npm start`; see src/config.ts. A port of 0 becomes a free one, kept over restarts. */
  readonly env: NodeJS.ProcessEnv;
  /** Where the log lines of the roles go: our stderr, or files under `DATA_DIR/logs`. Default: "stderr". */
  readonly roleLogs?: "stderr" | "files";
  /** Of the supervisor. Default: warnings as plain lines on stderr. */
  readonly log?: ProcessLog;
  /** The program of a role process. Default: src/main.ts. */
  readonly program?: string;
}

export interface Engine extends AsyncDisposable {
  readonly config: Config;
  readonly edgeUrl: string;
  readonly grpcUrl: string;
  readonly credentials: Credentials;
  readonly processes: readonly { readonly roles: readonly Role[]; readonly process: KeptProcess }[];
  readonly servers: EmbeddedServers;
  /** Sends a signal to the process that has the role; one that ends of it is started again. */
  kill(role: Role, signal: NodeJS.Signals): void;
  /** Lets the roles drain, then stops the servers. */
  stop(): Promise<void>;
  /** Ends everything at once, also in the middle of a stop. */
  killAll(): void;
}

/** What a role gets beyond its drain to settle what it holds, flush and close. */
const stopBeyondDrainMs = 5_000;

/** Starts the whole engine: embedded servers where none are given, then every role process; ready when it returns. */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const log = options.log ?? stderrLog;
  const given = loadConfig(options.env);
  const config = { ...given, DATA_DIR: resolve(given.DATA_DIR), ...(await choosePorts(given)) };
  const servers = await startEmbeddedServers({
    dataDir: config.DATA_DIR,
    natsUrl: config.NATS_URL,
    mongodbUrl: config.MONGODB_URL,
    log,
  });
  const env = {
    ...options.env,
    ...(isForOneself(given) && options.env.ALLOW_HTTP_JWKS === undefined ? { ALLOW_HTTP_JWKS: "true" } : {}),
    DATA_DIR: config.DATA_DIR,
    EDGE_PORT: String(config.EDGE_PORT),
    GRPC_PORT: String(config.GRPC_PORT),
    NATS_URL: servers.natsUrl,
    NATS_MONITOR_URL: servers.natsMonitorUrl ?? config.NATS_MONITOR_URL,
    MONGODB_URL: servers.mongodbUrl,
    // Beside an embedded store its key can lie; with servers of one's own it is for their owner to keep.
    ...(config.CREDENTIAL_KEYS.length === 0 && servers.mongo !== undefined
      ? { CREDENTIAL_KEYS: await ensureCredentialKey(config.DATA_DIR) }
      : {}),
  };
  // Before the roles, so that one process makes the first workspace and the others find it.
  const isDevelopment = servers.mongo !== undefined;
  const credentials = await makeCredentials({ ...config, MONGODB_URL: servers.mongodbUrl }, isDevelopment).catch(
    async (error: unknown) => {
      await servers.stop();
      throw error;
    },
  );
  const logDir = options.roleLogs === "files" ? join(config.DATA_DIR, "logs") : undefined;
  const started = await Promise.allSettled(
    parseProcesses(config.PROCESSES).map(async (roles) => {
      return { roles, process: await startRoleProcess({ roles, env, logDir, log, program: options.program }) };
    }),
  );
  const processes = started.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));

  async function stop(): Promise<void> {
    const timeoutMs = config.DRAIN_MS + stopBeyondDrainMs;
    await Promise.all(processes.map(({ process }) => process.stop({ signal: "SIGTERM", timeoutMs })));
    await servers.stop();
  }

  try {
    const failed = started.find((outcome) => outcome.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    return {
      config,
      ...urlsOf(config),
      credentials,
      processes,
      servers,
      kill: (role, signal) => {
        for (const { roles, process } of processes) if (roles.includes(role)) process.kill(signal);
      },
      stop,
      killAll: () => {
        for (const { process } of processes) process.kill("SIGKILL");
        servers.nats?.kill("SIGKILL");
        servers.mongo?.kill("SIGKILL");
      },
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** On servers of its own and reached from this machine alone: then an identity provider to try things with is on it too. */
const isForOneself = ({ HOST, MONGODB_URL, NATS_URL }: Config): boolean =>
  NATS_URL === undefined && MONGODB_URL === undefined && ["127.0.0.1", "::1", "localhost"].includes(HOST);

async function makeCredentials(config: Config, isDevelopment: boolean): Promise<Credentials> {
  try {
    return await ensureCredentials(config, urlsOf(config), { isDevelopment });
  } catch (cause) {
    if (cause instanceof BadCredentialsFile) throw new StartFailure(`${cause.message}.`, { cause });
    if (cause instanceof Unavailable) {
      throw new StartFailure(
        "MongoDB does not answer: start it, correct MONGODB_URL, or unset it for an embedded one.",
        {
          cause,
        },
      );
    }
    throw cause;
  }
}

/** Looked at before anything is started, since a port in use is the likeliest thing to be in the way. */
async function choosePorts(config: Config): Promise<{ EDGE_PORT: number; GRPC_PORT: number }> {
  const roles = parseProcesses(config.PROCESSES).flat();
  const wanted = [
    { name: "EDGE_PORT", port: config.EDGE_PORT, role: "gateway" },
    { name: "GRPC_PORT", port: config.GRPC_PORT, role: "api" },
  ] as const;
  for (const { name, port, role } of wanted) {
    if (port === 0 || !roles.includes(role)) continue;
    const problem = await listenProblem({ host: config.HOST, port });
    if (problem !== undefined) throw new StartFailure(listenSentence({ problem, host: config.HOST, name, port }));
  }
  return { EDGE_PORT: config.EDGE_PORT || (await freePort()), GRPC_PORT: config.GRPC_PORT || (await freePort()) };
}

function listenSentence(failed: { problem: string; host: string; name: string; port: number }): string {
  const { problem, host, name, port } = failed;
  const change = `set ${name} to another port`;
  if (problem === "EADDRINUSE")
    return `port ${port} on ${host} is taken by another program: stop that one, or ${change}.`;
  if (problem === "EACCES") return `this user may not listen on port ${port}: ${change}, above 1023.`;
  return `nobody can listen on ${host}, port ${port} (${problem}): set HOST to an address of this machine.`;
}

function urlsOf(config: Config): { edgeUrl: string; grpcUrl: string } {
  const isEverywhere = config.HOST === "0.0.0.0" || config.HOST === "::";
  const host = isEverywhere ? "127.0.0.1" : config.HOST.includes(":") ? `[${config.HOST}]` : config.HOST;
  return { edgeUrl: `http://${host}:${config.EDGE_PORT}`, grpcUrl: `http://${host}:${config.GRPC_PORT}` };
}
