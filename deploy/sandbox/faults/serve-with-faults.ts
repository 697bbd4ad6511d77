import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { z } from "zod";
import { type Faults, faultSettings, GARBAGE } from "./faults.ts";

/** Where a neighbour listens. */
export type Place = {
  /** Default: 127.0.0.1. */
  readonly host?: string;
  /** Default: a free one. */
  readonly port?: number;
};

export type FaultyServer = AsyncDisposable & {
  readonly url: string;
  /** Ends as if killed: connections are cut. */
  stop(): Promise<void>;
};

const BODY_BYTES_MAX = 65_536;

/** Serves over HTTP/1.1. `/faults` says (GET) and sets (PUT, JSON) how badly everything else is answered; it is always well itself,
 *  so that the neighbour can be made well again.
 *  @param faults by path; `/faults` is that of `handle`. */
export async function serveWithFaults(
  { host = "127.0.0.1", port = 0 }: Place,
  faults: Readonly<Record<string, Faults>>,
  handle: RequestListener,
): Promise<FaultyServer> {
  const server = createServer((request, response) => {
    answer(request, response, faults, handle).catch((error: unknown) => {
      process.stderr.write(`sandbox: ${request.url} failed: ${String(error)}\n`);
      response.destroy();
    });
  });
  await listen(server, port, host);
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server listens on a port");
  async function stop(): Promise<void> {
    if (!server.listening) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  }
  return { url: `http://${host}:${address.port}`, stop, [Symbol.asyncDispose]: stop };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  faults: Readonly<Record<string, Faults>>,
  handle: RequestListener,
): Promise<void> {
  const { pathname } = new URL(request.url ?? "/", "http://sandbox");
  const controlled = faults[pathname];
  if (controlled !== undefined) return await control(request, response, controlled);
  switch ((await faults["/faults"]?.strike()) ?? "none") {
    case "none":
      handle(request, response);
      return;
    case "down":
      request.socket.destroy();
      return;
    case "error":
      request.resume();
      sendJson(response, 503, { error: "the sandbox was told to fail" });
      return;
    case "garbage":
      request.resume();
      response.writeHead(200, { "content-type": request.headers["content-type"] ?? "application/json" });
      response.end(GARBAGE);
  }
}

async function control(request: IncomingMessage, response: ServerResponse, faults: Faults): Promise<void> {
  if (request.method === "PUT") {
    const settings = faultSettings.safeParse(parseJson(await readBody(request)));
    if (!settings.success) return sendJson(response, 400, { error: z.prettifyError(settings.error) });
    faults.set(settings.data);
  } else if (request.method !== "GET") return sendJson(response, 405, { error: "GET and PUT are allowed" });
  sendJson(response, 200, faults.settings);
}

export function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(`${JSON.stringify(body)}\n`);
}

/** @throws Error when it is longer than anybody needs. */
export async function readBody(request: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.byteLength;
    if (length > BODY_BYTES_MAX) throw new Error(`the body has more than ${BODY_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** @returns undefined for what is no JSON, which no schema takes. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
}
