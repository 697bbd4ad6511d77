import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startEngine } from "./engine.ts";
import { freePort } from "./free-port.ts";
import type { ProcessLog } from "./process-log.ts";
import { isAlive, until } from "./testing/until.ts";

/** A program in place of src/main.ts, so that this is about the supervisor alone. */
const program = fileURLToPath(new URL("testing/fake-role.ts", import.meta.url));

describe("the supervisor", () => {
  let dataDir: string;
  let warnings: string[];
  let log: ProcessLog;
  const settings = (more: NodeJS.ProcessEnv = {}) => ({
    DATA_DIR: dataDir,
    EDGE_PORT: "0",
    GRPC_PORT: "0",
    PROCESSES: "api,gateway;decide;track",
    ...more,
  });

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "engine-start-"));
    warnings = [];
    log = { info: () => {}, warn: (_fields, message) => warnings.push(message), error: () => {} };
  });
  afterEach(() => rm(dataDir, { recursive: true }));

  it("starts a role that was killed with -9 again, saying so once, and leaves the others alone", async () => {
    const engine = await startEngine({ env: settings(), program, log });
    const [edge, decide] = engine.processes;
    const edgePid = edge?.process.pid;
    engine.kill("decide", "SIGKILL");
    await until(() => decide?.process.restarts === 1, "decide was restarted");
    expect(edge?.process.pid).toBe(edgePid);
    expect(warnings).toEqual(["decide died (SIGKILL); starting it again in 100 ms."]);
    await engine.stop();
  });

  it("lets every role drain before it stops the servers, and leaves nothing running", async () => {
    const engine = await startEngine({ env: settings(), program, log });
    const { nats, mongo } = engine.servers;
    const pids = [nats, mongo, ...engine.processes.map(({ process }) => process)].map((kept) => kept?.pid ?? 0);
    await engine.stop();
    const notes = (await readFile(join(dataDir, "notes.txt"), "utf8")).trim().split("\n").sort();
    expect(notes).toEqual(["api,gateway", "decide", "track"].map((roles) => `${roles} drained while NATS was there`));
    expect(await Promise.all(pids.map(isAlive))).toEqual(pids.map(() => false));
  });

  it("ends everything at once when told to", async () => {
    const engine = await startEngine({ env: settings(), program, log });
    const { nats, mongo } = engine.servers;
    const pids = [nats, mongo, ...engine.processes.map(({ process }) => process)].map((kept) => kept?.pid ?? 0);
    const stopped = engine.stop();
    engine.killAll();
    await stopped;
    expect(await Promise.all(pids.map(isAlive))).toEqual(pids.map(() => false));
  });

  it("passes on a role's own sentence when that cannot start, and gives the data folder back", async () => {
    const env = settings({ ...process.env, FAKE_FAILURE: "the stream TRACKING is not ours." });
    await expect(startEngine({ env, program, log })).rejects.toThrow("the stream TRACKING is not ours.");
    const engine = await startEngine({ env: settings(), program, log });
    await engine.stop();
  });

  it("names the setting of a port that is taken, before it starts anything", async () => {
    const port = await freePort();
    const other = createServer().listen(port, "127.0.0.1");
    await until(() => other.listening, "the other program listens");
    const start = startEngine({ env: settings({ GRPC_PORT: String(port) }), program, log });
    await expect(start).rejects.toThrow(
      `port ${port} on 127.0.0.1 is taken by another program: stop that one, or set GRPC_PORT to another port.`,
    );
    other.close();
  });
});
