import { mkdtemp, open, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { State } from "../../gen/intervention/v1/intervention_pb.js";
import { InterventionService } from "../../gen/intervention/v1/intervention_service_pb.js";
import { type Engine, startEngine } from "../start/engine.ts";
import { bearer } from "../testing/bearer.ts";
import { until } from "../testing/until.ts";

const INTERVENTIONS = 300;

/** Syncing does not help against a disk that gives back something else. The ledger in the store does. */
describe("what was accepted", () => {
  let dataDir: string;
  let engine: Engine | undefined;

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "engine-corruption-"));
  });
  afterEach(async () => {
    await engine?.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  const start = (processes: string) =>
    startEngine({
      env: {
        ...process.env,
        ...{ DATA_DIR: dataDir, EDGE_PORT: "0", GRPC_PORT: "0", PROCESSES: processes, DRAIN_MS: "0" },
        ...{ UNDELIVERED_AFTER_MS: "2000", RECONCILE_AFTER_MS: "2000", LOG_LEVEL: "error" },
      },
      roleLogs: "files",
    });
  const clientOf = ({ grpcUrl, credentials }: Engine) =>
    createClient(
      InterventionService,
      createGrpcTransport({
        baseUrl: grpcUrl,
        interceptors: [bearer(credentials.api_key)],
      }),
    );
  const blocksOf = async () => {
    const found = await readdir(join(dataDir, "nats"), { recursive: true });
    return found
      .filter((path) => /INTERVENTIONS\/msgs\/\d+\.blk$/.test(path))
      .map((path) => join(dataDir, "nats", path));
  };

  it.each([
    ["its file was cut off in the middle", (size: number) => ({ truncateTo: Math.floor(size / 2) })],
    [
      "bytes of its file were flipped",
      (size: number) => ({ flipAt: [0.1, 0.3, 0.5, 0.7].map((part) => Math.floor(size * part)) }),
    ],
  ] as const)("is decided after all when %s", async (_, plan) => {
    // Nobody decides yet, so that all of it lies on the stream.
    engine = await start("api");
    const api = clientOf(engine);
    for (let n = 0; n < INTERVENTIONS; n += 1)
      await api.trigger({ idempotencyKey: `c${n}`, recipient: { userId: `u${n % 10}` }, content: { title: `${n}` } });
    await engine.stop();

    const blocks = await blocksOf();
    expect(blocks.length).toBeGreaterThan(0);
    for (const block of blocks) {
      const damage: { truncateTo?: number; flipAt?: number[] } = plan((await readFile(block)).length);
      const file = await open(block, "r+");
      if (damage.truncateTo !== undefined) await file.truncate(damage.truncateTo);
      for (const at of damage.flipAt ?? []) {
        const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at);
        await file.write(Buffer.from([(buffer[0] ?? 0) ^ 0xff]), 0, 1, at);
      }
      await file.close();
    }

    engine = await start("api;decide,track,schedule");
    const again = clientOf(engine);
    const undecided = async () => {
      const { interventions } = await again.list({ pageSize: 1_000 });
      return interventions.length === INTERVENTIONS
        ? interventions.filter(({ state }) => state === State.ACCEPTED).length
        : -1;
    };
    await until(async () => (await undecided()) === 0, "every one decided", 50_000);
    const names = (await readdir(join(dataDir, "logs"))).filter((name) => name.startsWith("decide"));
    const logs = (await Promise.all(names.map((name) => readFile(join(dataDir, "logs", name), "utf8")))).join("");
    expect(logs).toContain("accepted_missing");
  });
});
