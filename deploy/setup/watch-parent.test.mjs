import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { ends, isThere } from "./testing/ends.mjs";

const program = fileURLToPath(new URL("testing/watched.mjs", import.meta.url));
const env = { ...process.env, npm_lifecycle_event: "start" };

/** A Node in the place of npm, which starts the script as npm does. */
function startUnderNpm(command) {
  const script = `require("node:child_process").spawn(${JSON.stringify(command[0])}, ${JSON.stringify(command.slice(1))}, { stdio: "inherit" })`;
  return spawn(process.execPath, ["-e", script], { env, stdio: ["ignore", "pipe", "inherit"] });
}

describe("a script that npm runs", () => {
  it.each([
    { how: "directly", command: [process.execPath, program] },
    // The trailing command keeps the shell from making way for the script.
    { how: "through a shell that stays", command: ["/bin/sh", "-c", `"${process.execPath}" "${program}"; exit $?`] },
  ])("$how ends when npm is killed with -9", async ({ command }) => {
    const npm = startUnderNpm(command);
    const [line] = await once(npm.stdout, "data");
    const pid = Number(line);
    expect(isThere(pid)).toBe(true);
    npm.kill("SIGKILL");
    await ends(pid);
  });
});
