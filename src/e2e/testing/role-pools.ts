import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { ROLES, type Role } from "../../config.ts";
import { freePort } from "../../start/index.ts";
import type { KeptProcess } from "../../start/kept-process.ts";
import { startRoleProcess } from "../../start/role-process.ts";

const STOP_MS_MAX = 15_000;
const firstStart = fileURLToPath(new URL("../../first-start.ts", import.meta.url));

/** One process of one role. `url` is where it serves. */
export type RoleMember = { readonly role: Role; readonly url: string; readonly process: KeptProcess };

/** A pool for each role, every member a process of its own that is started again when it dies, as a container would be. */
export class RolePools implements AsyncDisposable {
  readonly #members: readonly RoleMember[];

  private constructor(members: readonly RoleMember[]) {
    this.#members = members;
  }

  /** Makes the workspace as a deployment does, then starts every role `size` times. Returns when all are ready. */
  static async start(options: {
    readonly size: number;
    readonly env: Readonly<Record<string, string>>;
    readonly logDir: string;
  }): Promise<RolePools> {
    const { PATH, HOME } = process.env;
    const env = { PATH, HOME, ...options.env };
    const made = spawnSync(process.execPath, ["--disable-warning=ExperimentalWarning", firstStart], {
      env,
      encoding: "utf8",
    });
    if (made.status !== 0) throw new Error(`first-start.ts failed: ${made.stderr}`);
    const started = await Promise.allSettled(
      ROLES.flatMap((role) =>
        Array.from({ length: options.size }, async (): Promise<RoleMember> => {
          // Given, and so the same after a restart: those who call or connect find it again.
          const port = String(await freePort());
          const ports = { EDGE_PORT: "0", GRPC_PORT: "0", ADMIN_PORT: "0", [portSetting(role)]: port };
          const child = await startRoleProcess({
            roles: [role],
            env: { ...env, ...ports },
            logDir: options.logDir,
            log: quiet,
          });
          return { role, url: `http://127.0.0.1:${port}`, process: child };
        }),
      ),
    );
    const pools = new RolePools(started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : [])));
    const failed = started.find((one) => one.status === "rejected");
    if (failed === undefined) return pools;
    await pools.stop();
    throw failed.reason;
  }

  of(role: Role): readonly RoleMember[] {
    return this.#members.filter((member) => member.role === role);
  }

  get all(): readonly RoleMember[] {
    return this.#members;
  }

  /** Lets every member drain. */
  async stop(): Promise<void> {
    await Promise.all(
      this.#members.map(({ process: member }) => member.stop({ signal: "SIGTERM", timeoutMs: STOP_MS_MAX })),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

function portSetting(role: Role): "EDGE_PORT" | "GRPC_PORT" | "ADMIN_PORT" {
  return role === "gateway" ? "EDGE_PORT" : role === "api" ? "GRPC_PORT" : "ADMIN_PORT";
}

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
