import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ensureRunning, findEngine } from "./find-engine.ts";

const CREDENTIALS = { workspace: "main", api_key: "k", edge_url: "http://127.0.0.1:1", grpc_url: "http://127.0.0.1:2" };

describe("the engine that runs", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "find-engine-"));
  });
  afterEach(() => rm(dir, { recursive: true }));
  const write = (name: string, text: string) => writeFile(join(dir, name), text);

  it("is found by its credentials and where its NATS server listens", async () => {
    await write("credentials.json", JSON.stringify(CREDENTIALS));
    await write(
      "nats-server.conf",
      '# Written anew\nserver_name: "x"\nlisten: "127.0.0.1:4333"\nhttp: "127.0.0.1:8"\n',
    );
    expect(await findEngine({ DATA_DIR: dir })).toEqual({
      ...{ workspace: "main", edgeUrl: "http://127.0.0.1:1", grpcUrl: "http://127.0.0.1:2" },
      ...{ natsUrl: "nats://127.0.0.1:4333", namespace: "" },
    });
  });

  it("is on a NATS server of one's own where the setting says so", async () => {
    await write("credentials.json", JSON.stringify(CREDENTIALS));
    const env = { DATA_DIR: dir, NATS_URL: "nats://bus:4222", NAMESPACE: "n" };
    expect(await findEngine(env)).toMatchObject({ natsUrl: "nats://bus:4222", namespace: "n" });
  });

  it("is known to run by its answer, and a sentence says that it does not", async () => {
    await expect(ensureRunning({ edgeUrl: "http://127.0.0.1:1" })).rejects.toThrow("start it with npm start");
    const server = createServer((_, response) => response.end("ok"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("it listens on a port");
    await ensureRunning({ edgeUrl: `http://127.0.0.1:${address.port}` });
    server.close();
  });

  it("is not there without credentials, or with broken ones, or without a server, and each is said in a sentence", async () => {
    await expect(findEngine({ DATA_DIR: dir })).rejects.toThrow("start the engine first");
    await write("credentials.json", "{");
    await expect(findEngine({ DATA_DIR: dir })).rejects.toThrow("start the engine first");
    await write("credentials.json", JSON.stringify(CREDENTIALS));
    await expect(findEngine({ DATA_DIR: dir })).rejects.toThrow("set NATS_URL");
  });
});
