import type { ChildProcess } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { tiedSpawn } from "../../deploy/setup/tied-spawn.mjs";
import type { Role } from "../config.ts";
import { type KeptProcess, keepProcess } from "./kept-process.ts";
import type { ProcessLog } from "./process-log.ts";
import { defaultRestartPolicy } from "./restart-policy.ts";

export interface RoleProcessOptions {
  readonly roles: readonly Role[];
  readonly env: NodeJS.ProcessEnv;
  /** Where its log lines go: our own stderr, or `<logDir>/<roles>.log`. Never stdout, which may carry a result. */
  readonly logDir: string | undefined;
  readonly log: ProcessLog;
  /** Default: src/main.ts. Tests give a program that misbehaves in a known way. */
  readonly program?: string | undefined;
}

const startTimeoutMs = 60_000;
const mainProgram = fileURLToPath(new URL("../main.ts", import.meta.url));

/**
 * Runs `src/main.ts` with some roles and keeps it running. It tells us over IPC: `{ kind: "ready" }` once it serves, or
 * `{ kind: "failed", message }` with one sentence before it exits because it can't.
 */
export async function startRoleProcess(options: RoleProcessOptions): Promise<KeptProcess> {
  const name = options.roles.join(",");
  let failure = "";
  return await keepProcess({
    name,
    spawn: () => {
      failure = "";
      return spawnRole(options, name);
    },
    waitReady: (child, signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
        child.on("message", (message) => {
          if (isKind(message, "ready")) resolve();
          if (isKind(message, "failed") && "message" in message) failure = String(message.message);
        });
      }),
    lastWords: () => failure,
    startTimeoutMs,
    restart: defaultRestartPolicy,
    log: options.log,
  });
}

function spawnRole({ roles, env, logDir, program = mainProgram }: RoleProcessOptions, name: string): ChildProcess {
  const output = logDir === undefined ? process.stderr.fd : openLog(logDir, name);
  try {
    // In a session of its own, so that Ctrl-C reaches only the supervisor, which lets the roles drain before the servers go.
    return tiedSpawn(process.execPath, ["--disable-warning=ExperimentalWarning", "--max-semi-space-size=48", program], {
      env: { ...env, ROLES: roles.join(",") },
      stdio: ["ignore", output, output, "ipc"],
      detached: true,
    });
  } finally {
    if (logDir !== undefined) closeSync(output);
  }
}

function openLog(logDir: string, name: string): number {
  mkdirSync(logDir, { recursive: true });
  return openSync(join(logDir, `${name.replaceAll(",", "+")}.log`), "a");
}

function isKind(message: unknown, kind: string): message is { kind: string } {
  return typeof message === "object" && message !== null && "kind" in message && message.kind === kind;
}
