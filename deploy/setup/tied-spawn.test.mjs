import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { ends, isThere } from "./testing/ends.mjs";
import { tiedSpawn } from "./tied-spawn.mjs";

const program = fileURLToPath(new URL("testing/spawn-tied.mjs", import.meta.url));

describe.each(["pdeathsig", "pipe"])("a child tied by %s", (tie) => {
  it("is gone after its parent is killed with -9", async () => {
    const parent = spawn(process.execPath, [program, tie], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = await once(parent.stdout, "data");
    const pid = Number(line);
    expect(isThere(pid)).toBe(true);
    parent.kill("SIGKILL");
    await ends(pid);
  });

  it("has the program's own pid, so that signals reach the program", async () => {
    const child = tiedSpawn(process.execPath, ["-e", "console.log(process.pid)"], {
      tie,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = await once(child.stdout, "data");
    expect(Number(line)).toBe(child.pid);
    await once(child, "exit");
  });

  it("talks over IPC and tells its exit code", async () => {
    const script = "process.on('message', (code) => process.exit(code)); process.send('up')";
    const child = tiedSpawn(process.execPath, ["-e", script], { tie, stdio: ["ignore", "ignore", "inherit", "ipc"] });
    expect(await once(child, "message")).toEqual(["up", undefined]);
    child.send(7);
    expect(await once(child, "exit")).toEqual([7, null]);
  });
});

it("the shell that waits beside a child tied by a pipe goes with it", async () => {
  const child = tiedSpawn("/bin/sleep", ["600"], { tie: "pipe", stdio: ["ignore", "ignore", "ignore"] });
  const shells = () => readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim().split(" ");
  while (readFileSync(`/proc/${child.pid}/comm`, "utf8").trim() !== "sleep") await new Promise(setImmediate);
  const [shell] = shells();
  child.kill("SIGKILL");
  await ends(Number(shell));
});
