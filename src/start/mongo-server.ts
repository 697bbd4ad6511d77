import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { MongoClient } from "mongodb";
import { freePort } from "./free-port.ts";
import type { KeptProcess } from "./kept-process.ts";
import { binaryPath, keepServer, readLog, type ServerPlace, withPortRetries } from "./kept-server.ts";

export interface MongoServerOptions extends ServerPlace {
  readonly port?: number | undefined;
}

export interface StartedMongoServer {
  readonly url: string;
  readonly server: KeptProcess;
}

const startTimeoutMs = 60_000;
const pollMs = 15;

/**
 * Its cache takes memory only as it fills; 1 GB leaves room for the engine on a small machine (its own default is 4 GB).
 * Its log is allocated on disk beforehand, two files at a time, so the default of 2 GB each would cost 4 GB of disk and
 * a slow start; 256 MB each is rotated every few hundred thousand documents.
 */
const sizes = ["--cache-size", "1G", "--log-file-max", "256MB"];

/**
 * Nothing here reads the oplog, which keeps change streams going. Trimming it to the default of 100,000 entries costs three times
 * as much as inserting does, and logging it doubles what is synced; the data themselves are logged and synced all the same.
 */
const oplog = ["--oplog-async", "--oplog-nonlogged", "--oplog-max-entries", "10000000"];

export function startMongoServer(options: MongoServerOptions): Promise<StartedMongoServer> {
  return withPortRetries(options.port !== undefined, async () => {
    const port = options.port ?? (await freePort());
    // Without a file of its own the server would pick up a secantusd.toml from the working or the home folder.
    const configPath = join(options.dataDir, "secantusd.toml");
    await writeFile(configPath, "# Left empty on purpose: every setting is on the command line.\n");
    const url = `mongodb://127.0.0.1:${port}/?directConnection=true`;
    const place = ["--config", configPath, "--host", "127.0.0.1", "--port", String(port)];
    const storage = ["--storage-path", join(options.dataDir, "mongo"), "--sync-on-commit", ...sizes, ...oplog];
    const server = await keepServer(options, {
      name: "secantusd",
      binary: binaryPath(options.toolsDir, "mongo"),
      args: [...place, ...storage, "--log-level", "WARNING"],
      ownServerWayOut: "MONGODB_URL",
      startTimeoutMs,
      waitReady: async (child, signal) => {
        await waitUntilListening({ logPath: child.logPath, port, signal });
        await ping(url, signal);
      },
    });
    return { url, server };
  });
}

/** The server says so in its log. A ping alone could be answered by somebody else's server on a port that we lost. */
async function waitUntilListening(wanted: { logPath: string; port: number; signal: AbortSignal }): Promise<void> {
  while (!readLog(wanted.logPath).includes(`listening on 127.0.0.1:${wanted.port}`)) {
    await delay(pollMs, undefined, { signal: wanted.signal });
  }
}

async function ping(url: string, signal: AbortSignal): Promise<void> {
  const client = new MongoClient(url, { serverSelectionTimeoutMS: startTimeoutMs });
  const close = () => client.close();
  signal.addEventListener("abort", close);
  try {
    await client.db("admin").command({ ping: 1 }, { signal });
  } finally {
    signal.removeEventListener("abort", close);
    await close();
  }
}
