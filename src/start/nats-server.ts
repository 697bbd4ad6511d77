import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "./free-port.ts";
import type { KeptProcess } from "./kept-process.ts";
import { binaryPath, keepServer, type ServerPlace, withPortRetries } from "./kept-server.ts";

export interface NatsServerOptions extends ServerPlace {
  readonly port?: number | undefined;
  readonly monitorPort?: number | undefined;
}

export interface StartedNatsServer {
  readonly url: string;
  readonly monitorUrl: string;
  readonly server: KeptProcess;
}

/** Recovery reads the whole store, so a large one takes its time after a crash. */
const startTimeoutMs = 60_000;
const pollMs = 15;

export function startNatsServer(options: NatsServerOptions): Promise<StartedNatsServer> {
  return withPortRetries(options.port !== undefined, async () => {
    const port = options.port ?? (await freePort());
    const monitorPort = options.monitorPort ?? (await freePort());
    const serverName = `embedded-${randomUUID()}`;
    const configPath = join(options.dataDir, "nats-server.conf");
    await writeFile(configPath, natsConfig({ port, monitorPort, serverName, storeDir: join(options.dataDir, "nats") }));
    const monitorUrl = `http://127.0.0.1:${monitorPort}`;
    const server = await keepServer(options, {
      name: "nats-server",
      binary: binaryPath(options.toolsDir, "nats"),
      args: ["--config", configPath],
      ownServerWayOut: "NATS_URL",
      startTimeoutMs,
      waitReady: (_child, signal) => waitUntilHealthy({ monitorUrl, serverName, signal }),
    });
    return { url: `nats://127.0.0.1:${port}`, monitorUrl, server };
  });
}

/**
 * `sync_interval: always` is what makes an acknowledgement durable: with the default of two minutes, acknowledged
 * writes were lost on power failure (Jepsen on NATS 2.12.1). Every other limit is the server's own default.
 */
function natsConfig(values: { port: number; monitorPort: number; serverName: string; storeDir: string }): string {
  return `# Written anew at every start; changes here are lost.
server_name: ${JSON.stringify(values.serverName)}
listen: "127.0.0.1:${values.port}"
http: "127.0.0.1:${values.monitorPort}"
jetstream {
  store_dir: ${JSON.stringify(values.storeDir)}
  sync_interval: always
}
`;
}

/** Health covers JetStream's recovery; the name tells our server from another that took the port in between. */
async function waitUntilHealthy(wanted: {
  monitorUrl: string;
  serverName: string;
  signal: AbortSignal;
}): Promise<void> {
  const { monitorUrl, signal } = wanted;
  for (;;) {
    const health = await get(`${monitorUrl}/healthz`, signal);
    if (health !== undefined && "status" in health && health.status === "ok") {
      const about = await get(`${monitorUrl}/varz`, signal);
      if (about !== undefined && "server_name" in about && about.server_name === wanted.serverName) return;
    }
    await delay(pollMs, undefined, { signal });
  }
}

async function get(url: string, signal: AbortSignal): Promise<object | undefined> {
  try {
    const response = await fetch(url, { signal, headers: { connection: "close" } });
    const body: unknown = await response.json();
    return typeof body === "object" && body !== null ? body : undefined;
  } catch (error) {
    // Not listening yet, or not yet talking HTTP: the caller asks again until the signal says that it is enough.
    if (signal.aborted) throw error;
    return;
  }
}
