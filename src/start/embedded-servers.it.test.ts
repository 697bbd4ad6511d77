import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type EmbeddedServers, startEmbeddedServers } from "./embedded-servers.ts";
import type { ProcessLog } from "./process-log.ts";
import { StartFailure } from "./start-failure.ts";
import { isAlive, until } from "./testing/until.ts";

const quiet: ProcessLog = { info: () => {}, warn: () => {}, error: () => {} };

describe("embedded servers", () => {
  let dataDir: string;
  let servers: EmbeddedServers;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "engine-servers-"));
    servers = await startEmbeddedServers({ dataDir, log: quiet });
  });
  afterAll(async () => {
    await servers.stop();
    await rm(dataDir, { recursive: true });
  });

  it("sync every write before acknowledging it", async () => {
    const about = await fetch(`${servers.natsMonitorUrl}/varz`).then((response) => response.json());
    expect(about).toMatchObject({ jetstream: { config: { sync_always: true } } });
  });

  it("come back on the same ports with what was acknowledged after kill -9", async () => {
    await publish(servers.natsUrl, "KEPT", "kept.one");
    await withMongo(servers.mongodbUrl, (mongo) => mongo.db("kept").collection("kept").insertOne({ kept: true }));
    const before = { nats: servers.nats?.pid, mongo: servers.mongo?.pid };

    servers.nats?.kill("SIGKILL");
    servers.mongo?.kill("SIGKILL");
    await until(() => servers.nats?.restarts === 1 && servers.mongo?.restarts === 1, "both servers were restarted");

    expect(servers.nats?.pid).not.toBe(before.nats);
    expect(servers.mongo?.pid).not.toBe(before.mongo);
    expect(await countMessages(servers.natsUrl, "KEPT")).toBe(1);
    expect(await withMongo(servers.mongodbUrl, (mongo) => mongo.db("kept").collection("kept").countDocuments())).toBe(
      1,
    );
  });

  it("refuse a data folder that a live engine uses, saying which", async () => {
    const second = startEmbeddedServers({ dataDir, log: quiet });
    await expect(second).rejects.toThrow(StartFailure);
    await expect(second).rejects.toThrow(`is in use by the engine with pid ${process.pid}`);
  });

  it("say that the port is taken and leave nothing running", async () => {
    const otherDir = await mkdtemp(join(tmpdir(), "engine-servers-"));
    const natsPort = Number(new URL(servers.natsUrl).port);
    const second = startEmbeddedServers({ dataDir: otherDir, natsPort, log: quiet });
    await expect(second).rejects.toThrow(/nats-server ended while starting.*address already in use/);
    const again = await startEmbeddedServers({ dataDir: otherDir, log: quiet });
    await again.stop();
    await rm(otherDir, { recursive: true });
  });
});

describe("a process with embedded servers that is killed with -9", () => {
  it("takes them along, and its data folder is free at once", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "engine-servers-"));
    const program = fileURLToPath(new URL("testing/hold-servers.ts", import.meta.url));
    const holder = spawn(process.execPath, [program, dataDir], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = await once(holder.stdout, "data");
    const pids: { nats: number; mongo: number } = JSON.parse(String(line));
    expect(await isAlive(pids.nats)).toBe(true);
    expect(await isAlive(pids.mongo)).toBe(true);

    holder.kill("SIGKILL");
    await until(async () => !(await isAlive(pids.nats)) && !(await isAlive(pids.mongo)), "both servers are gone");

    const next = await startEmbeddedServers({ dataDir, log: quiet });
    await next.stop();
    await rm(dataDir, { recursive: true });
  });
});

describe("servers of one's own", () => {
  it("are used as they are and none is started", async () => {
    const dataDir = join(tmpdir(), "never-made");
    const own = { natsUrl: "nats://nats.example:4222", mongodbUrl: "mongodb://mongo.example" };
    const servers = await startEmbeddedServers({ dataDir, ...own });
    expect(servers).toMatchObject({ ...own, nats: undefined, mongo: undefined, natsMonitorUrl: undefined });
    await servers.stop();
  });

  it("are named as the way out when the embedded ones are not installed", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "engine-servers-"));
    const start = startEmbeddedServers({ dataDir, toolsDir: "/nowhere", log: quiet });
    await expect(start).rejects.toThrow("set NATS_URL to a server of your own");
    await rm(dataDir, { recursive: true });
  });

  it("are not needed when the data folder cannot be made, which is said in a sentence", async () => {
    const dir = await mkdtemp(join(tmpdir(), "engine-servers-"));
    await writeFile(join(dir, "file"), "");
    const start = startEmbeddedServers({ dataDir: join(dir, "file", "data"), log: quiet });
    await expect(start).rejects.toThrow(/^the data folder .* cannot be written .*: set DATA_DIR to another folder\.$/);
    await rm(dir, { recursive: true });
  });
});

async function publish(url: string, stream: string, subject: string): Promise<void> {
  const connection = await connect({ servers: url });
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: stream, subjects: [subject] });
  await jetstream(connection).publish(subject, "x");
  await connection.close();
}

async function countMessages(url: string, stream: string): Promise<number> {
  const connection = await connect({ servers: url });
  const info = await (await jetstreamManager(connection)).streams.info(stream);
  await connection.close();
  return info.state.messages;
}

async function withMongo<T>(url: string, use: (client: MongoClient) => Promise<T>): Promise<T> {
  const client = new MongoClient(url);
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}
