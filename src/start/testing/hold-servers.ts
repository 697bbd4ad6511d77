import { startEmbeddedServers } from "../embedded-servers.ts";

// Stands for an engine that will be killed with -9: starts the servers, prints their pids, and stays.
const servers = await startEmbeddedServers({ dataDir: process.argv[2] ?? "" });
process.stdout.write(`${JSON.stringify({ nats: servers.nats?.pid, mongo: servers.mongo?.pid })}\n`);
setInterval(() => {}, 1_000);
