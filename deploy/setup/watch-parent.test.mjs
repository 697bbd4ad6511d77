import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { ends, isThere } from "./testing/ends.mjs";

const program = fileURLToPath(new URL("testing/watched.mjs", import.meta.url));
const env = { ...process.env, npm_lifecycle_event: "start" };

/** A Node in the place of npm: starts the script as npm does, and passes a stop on to what it started. */
function startUnderNpm(command) {
  const script = `const { spawn } = require("node:child_process");
    const child = spawn(${JSON.stringify(command[0])}, ${JSON.stringify(command.slice(1))}, { stdio: "inherit" });
    process.on("SIGTERM", () => child.kill("SIGTERM"));
    child.on("exit", () => process.exit(1));`;
  return spawn(process.execPath, ["-e", script], { env, stdio: ["ignore", "pipe", "pipe"] });
}

const directly = [process.execPath, program];
/** The trailing command keeps the shell from making way for the script. */
const throughShell = ["/bin/sh", "-c", `"${process.execPath}" "${program}"; exit $?`];

describe("a script that npm runs", () => {
  it.each([
    { how: "directly", command: directly, signal: "SIGKILL", expected: "killed" },
    { how: "through a shell that stays", command: throughShell, signal: "SIGKILL", expected: "killed" },
    { how: "through a shell that stays", command: throughShell, signal: "SIGTERM", expected: "stopped" },
  ])("$how knows that it was $expected when npm gets $signal", async ({ command, signal, expected }) => {
    const npm = startUnderNpm(command);
    const said = text(npm.stderr);
    const [line] = await once(npm.stdout, "data");
    expect(isThere(Number(line))).toBe(true);
    npm.kill(signal);
    expect(await said).toBe(expected);
    await ends(Number(line));
  });
});
