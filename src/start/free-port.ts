import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { StartFailure } from "./start-failure.ts";

/**
 * Below the ports that Linux (32768-60999) and macOS (49152-65535) hand out to outgoing connections. A server that is
 * restarted must get its old port back, and a client that retries a dead port from that range can connect to itself.
 */
const portMin = 15_000;
const portMax = 32_000;
const triesMax = 200;

/** A port on 127.0.0.1 that nobody listens on now. Someone may still take it before its user does: be ready to ask again. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const port = randomInt(portMin, portMax);
    if ((await listenProblem({ host: "127.0.0.1", port })) === undefined) return port;
  }
  throw new StartFailure(
    `no free port between ${portMin} and ${portMax} on 127.0.0.1: end some of the programs there.`,
  );
}

/** Why nobody can listen at an address now, such as EADDRINUSE; undefined when one can. */
export function listenProblem(address: { host: string; port: number }): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error) => resolve("code" in error ? String(error.code) : error.message));
    server.listen({ ...address, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
