import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { startEmbeddedServers } from "../start/embedded-servers.ts";

declare module "vitest" {
  interface ProvidedContext {
    readonly natsUrl: string;
    readonly natsMonitorUrl: string;
    readonly mongodbUrl: string;
  }
}

/** Starts the servers for all tests of the run; each test keeps to itself by namespace and database. */
export default async function setup(project: TestProject) {
  const dataDir = await mkdtemp(join(tmpdir(), "intervention-test-"));
  const servers = await startEmbeddedServers({ dataDir });
  project.provide("natsUrl", servers.natsUrl);
  project.provide("natsMonitorUrl", servers.natsMonitorUrl ?? "");
  project.provide("mongodbUrl", servers.mongodbUrl);
  return async () => {
    await servers.stop();
    await rm(dataDir, { recursive: true, force: true });
  };
}
