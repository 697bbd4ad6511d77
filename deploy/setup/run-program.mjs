import { constants } from "node:os";
import { delimiter, dirname } from "node:path";
import { tiedSpawn } from "./tied-spawn.mjs";

const forwarded = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Runs a TypeScript program with our own stdin, stdout and stderr, and returns the code to exit with.
 * It runs in a session of its own: Ctrl-C then reaches us alone and is passed on once. Were it sent to every process, the
 * servers would be gone before the roles had drained.
 *
 * @param {{ node: string, root: string, args: readonly string[], stop: AbortSignal }} program `stop` asks it to end
 * @returns {Promise<number>}
 */
export function runProgram({ node, root, args, stop }) {
  const env = { ...process.env, PATH: [dirname(node), process.env.PATH].join(delimiter) };
  const child = tiedSpawn(node, ["--disable-warning=ExperimentalWarning", ...args], {
    cwd: root,
    env,
    stdio: ["inherit", "inherit", "inherit"],
    detached: true,
  });
  // The program counts what it is sent: a second stop means at once. Of one stop that comes on two ways it hears once.
  let isStopping = false;
  const pass = (signal) => {
    isStopping = true;
    child.kill(signal);
  };
  for (const signal of forwarded) process.on(signal, () => pass(signal));
  stop.addEventListener("abort", () => isStopping || pass("SIGTERM"), { once: true });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}
