import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { freePort } from "../../src/start/index.ts";

/** The provider's process, which can be killed and paused like any other. */
export type Recorder = AsyncDisposable & {
  readonly url: string;
  kill(signal: NodeJS.Signals): void;
  /** After a kill, on the port it had. */
  restart(): Promise<void>;
  /** The attempts that were recorded, by delivery, in their order. */
  read(): Map<string, number[]>;
};

const program = fileURLToPath(new URL("./recorder.ts", import.meta.url));

export async function startRecorder(path: string): Promise<Recorder> {
  writeFileSync(path, "");
  const port = await freePort();
  let child: ChildProcess;
  const start = async () => {
    child = fork(program, [String(port), path]);
    await once(child, "message");
  };
  await start();
  return {
    url: `http://127.0.0.1:${port}/`,
    kill: (signal) => void child.kill(signal),
    restart: start,
    read: () => readRecords(path),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

function readRecords(path: string): Map<string, number[]> {
  const attempts = new Map<string, number[]>();
  for (const line of readFileSync(path, "utf8").split("\n")) {
    const [id = "", attempt] = line.split(" ");
    // The last line may be half of one: it was not answered.
    if (id === "" || attempt === undefined || attempt === "") continue;
    attempts.set(id, [...(attempts.get(id) ?? []), Number(attempt)]);
  }
  return attempts;
}
