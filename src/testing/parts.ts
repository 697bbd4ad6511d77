import { randomBytes } from "node:crypto";
import { inject } from "vitest";
import { type Config, loadConfig } from "../config.ts";
import { ServiceContainer } from "../container.ts";
import { createWorkspace } from "../integrations/access-directory.ts";
import { defineServices } from "../services/index.ts";
import { deleteStreams } from "./delete-streams.ts";

/** Settings for the shared servers, with streams and a database that nobody else uses. */
export function testConfig(overrides: Readonly<Record<string, string>> = {}): Config {
  const own = `t${randomBytes(6).toString("hex")}`;
  return loadConfig({
    NATS_URL: inject("natsUrl"),
    NATS_MONITOR_URL: inject("natsMonitorUrl"),
    MONGODB_URL: inject("mongodbUrl"),
    MONGODB_DATABASE: own,
    NAMESPACE: own,
    EDGE_PORT: "0",
    GRPC_PORT: "0",
    LOG_LEVEL: "silent",
    ...overrides,
  });
}

/** A process's parts, lazily started, and stopped with the test: `await using parts = await startParts()`. What is on the
 *  servers goes too. */
export async function startParts(overrides: Readonly<Record<string, string>> = {}) {
  const config = testConfig(overrides);
  const container = new ServiceContainer();
  const services = defineServices(config);
  const store = await container.get(services.store);
  const { apiKey } = await createWorkspace(store, config.WORKSPACE);
  const bus = await container.get(services.bus);
  return {
    config,
    container,
    services,
    store,
    bus,
    apiKey,
    workspace: config.WORKSPACE,
    async [Symbol.asyncDispose]() {
      await deleteStreams(bus);
      await store.db.dropDatabase();
      await container.stop();
    },
  };
}
