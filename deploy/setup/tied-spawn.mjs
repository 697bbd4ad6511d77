import { spawn } from "node:child_process";
import { existsSync } from "node:fs";

const setprivPaths = ["/usr/bin/setpriv", "/bin/setpriv"];

/**
 * Starts a program that cannot outlive this process, not even when this process is killed with -9.
 * On Linux the kernel does it (`setpriv --pdeathsig KILL`, util-linux). Elsewhere, or when `tie` is "pipe", a small
 * shell beside the program waits for the end of a pipe that only we hold open, and kills the program then.
 * Either way the child's pid is the program's own, since both wrappers end in exec.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import("node:child_process").SpawnOptions & { tie?: "pdeathsig" | "pipe" }} options `stdio` must be an array or left out.
 * @returns {import("node:child_process").ChildProcess}
 */
export function tiedSpawn(command, args, options = {}) {
  const { tie = defaultTie(), stdio = ["ignore", "pipe", "pipe"], ...rest } = options;
  const setpriv = setprivPaths.find((path) => existsSync(path));
  if (tie === "pdeathsig" && setpriv !== undefined) {
    return spawn(setpriv, ["--pdeathsig", "KILL", "--", command, ...args], { ...rest, stdio });
  }
  return spawnWithPipe(command, args, { ...rest, stdio });
}

function defaultTie() {
  return process.platform === "linux" && setprivPaths.some((path) => existsSync(path)) ? "pdeathsig" : "pipe";
}

/** The pipe gets the number after the last one in use, so that an IPC channel among the caller's own keeps its place. */
function spawnWithPipe(command, args, options) {
  const stdio = Array.isArray(options.stdio) ? options.stdio : [options.stdio, options.stdio, options.stdio];
  const fd = stdio.length;
  const script = `(exec 0<&${fd}; read -r line; kill -9 $$) >/dev/null 2>&1 & exec "$@" ${fd}<&-`;
  const child = spawn("/bin/sh", ["-c", script, "tied", command, ...args], { ...options, stdio: [...stdio, "pipe"] });
  const pipe = child.stdio[fd];
  pipe?.on("error", () => child.kill("SIGKILL"));
  // Closing our end also lets the waiting shell go once the program has ended by itself.
  child.once("exit", () => pipe?.destroy());
  return child;
}
