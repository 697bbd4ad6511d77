import { tiedSpawn } from "./tied-spawn.mjs";

const outputCharsMax = 200_000;

/**
 * Runs an installer to its end and keeps what it said, for the sentence when it fails.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd: string, env?: NodeJS.ProcessEnv }} options
 * @returns {Promise<{ kind: "missing" } | { kind: "ended", code: number | null, output: string }>}
 */
export function runTool(command, args, { cwd, env = process.env }) {
  return new Promise((resolve, reject) => {
    let output = "";
    const child = tiedSpawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    const keep = (chunk) => {
      output = (output + chunk).slice(-outputCharsMax);
    };
    child.stdout?.setEncoding("utf8").on("data", keep);
    child.stderr?.setEncoding("utf8").on("data", keep);
    child.once("error", (error) => (error.code === "ENOENT" ? resolve({ kind: "missing" }) : reject(error)));
    // 127 is what setpriv and sh end with when there is no such program.
    child.once("close", (code) => {
      const isMissing = code === 127 && !output.includes("Traceback");
      resolve(isMissing ? { kind: "missing" } : { kind: "ended", code, output });
    });
  });
}
