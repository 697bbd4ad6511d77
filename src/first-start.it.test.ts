import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { describe, expect, it } from "vitest";
import { ensureCredentials } from "./first-start.ts";
import { AccessDirectory } from "./integrations/access-directory.ts";
import { connectStore } from "./store/index.ts";
import { testConfig } from "./testing/parts.ts";

const URLS = { edgeUrl: "http://edge", grpcUrl: "http://grpc" };

async function newMachine() {
  const dataDir = await mkdtemp(join(tmpdir(), "first-start-"));
  const config = testConfig({ DATA_DIR: dataDir });
  const store = await connectStore({
    ...{ url: config.MONGODB_URL ?? "", database: config.MONGODB_DATABASE, name: "test" },
  });
  return {
    store,
    path: join(dataDir, "credentials.json"),
    start: () => ensureCredentials(config, URLS),
    async permissionsOf(apiKey: string): Promise<readonly string[] | undefined> {
      const directory = await AccessDirectory.start(store, pino({ level: "silent" }));
      directory.stop();
      const caller = directory.findService(apiKey);
      return caller === undefined ? undefined : [...caller.permissions];
    },
    async [Symbol.asyncDispose]() {
      await store.db.dropDatabase();
      await store.close();
      await rm(dataDir, { recursive: true });
    },
  };
}

describe("the first start", () => {
  it("makes one workspace and the platform's key, and every later one keeps them", async () => {
    await using machine = await newMachine();
    const made = await machine.start();
    expect(made.api_key).toMatch(/^iek_[a-z2-7]{12}_/);
    expect(await machine.permissionsOf(made.api_key)).toEqual(expect.arrayContaining(["platform", "administer"]));
    expect(await machine.start()).toEqual(made);
    expect(JSON.parse(await readFile(machine.path, "utf8"))).toEqual(made);
    expect(await machine.store.apiKeys.countDocuments()).toBe(1);
  });

  it("makes the key that an earlier version has left the platform's", async () => {
    await using machine = await newMachine();
    const api_key = `iek_${"k".repeat(43)}`;
    await writeFile(machine.path, JSON.stringify({ workspace: "old", api_key }));
    expect(await machine.start()).toMatchObject({ workspace: "old", api_key });
    await machine.store.apiKeys.updateMany({}, { $unset: { roles: "", isPlatform: "" } });
    expect(await machine.permissionsOf(api_key)).not.toContain("platform");
    await machine.start();
    expect(await machine.permissionsOf(api_key)).toContain("platform");
  });

  it("does not bring a key back that was revoked, and says what to do", async () => {
    await using machine = await newMachine();
    const { api_key } = await machine.start();
    await machine.store.apiKeys.updateMany({}, { $set: { revokedAt: new Date() } });
    await expect(machine.start()).rejects.toThrow("move the file away");
    expect(await machine.permissionsOf(api_key)).toBeUndefined();
    await rm(machine.path);
    expect((await machine.start()).api_key).not.toBe(api_key);
  });
});
