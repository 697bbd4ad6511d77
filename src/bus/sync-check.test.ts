import { createServer, type Server } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { requireSyncedServers, UnsyncedServer } from "./sync-check.ts";

describe("the check that NATS syncs each write", () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  /** The monitoring address of a server that answers so; undefined: of one that is down. */
  async function monitor(jetstream: object | undefined): Promise<string> {
    const server = createServer((_, response) => response.end(JSON.stringify({ jetstream })));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (jetstream === undefined) server.close();
    else servers.push(server);
    return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  }
  const synced = () => monitor({ config: { sync_always: true } });
  const unsynced = () => monitor({ config: {} });
  const down = () => monitor(undefined);
  const check = async (...nodes: Promise<string>[]) =>
    requireSyncedServers({ monitorUrl: (await Promise.all(nodes)).join(","), allowUnsynced: false });

  it("is content when every server syncs", async () => {
    await expect(check(synced(), synced(), synced())).resolves.toBeUndefined();
  });

  it("is content while one of three is down: a role must be able to start then", async () => {
    await expect(check(down(), synced(), synced())).resolves.toBeUndefined();
  });

  it.each([
    ["the only one is down", () => check(down())],
    ["one of two is down", () => check(down(), synced())],
    ["two of three are down", () => check(down(), synced(), down())],
  ])("refuses when %s, naming the address", async (_, run) => {
    await expect(run()).rejects.toThrow(/^NATS_MONITOR_URL http:\/\/127.* does not answer/);
  });

  it("refuses one that does not sync, even if the others do", async () => {
    await expect(check(synced(), unsynced(), down())).rejects.toThrow(UnsyncedServer);
  });

  it("refuses when there is nobody to ask, unless the operator takes the risk by name", async () => {
    await expect(requireSyncedServers({ monitorUrl: undefined, allowUnsynced: false })).rejects.toThrow(UnsyncedServer);
    await expect(requireSyncedServers({ monitorUrl: undefined, allowUnsynced: true })).resolves.toBeUndefined();
  });
});
