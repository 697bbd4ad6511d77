import { Agent, request } from "node:http";
import { type ClientHttp2Session, connect } from "node:http2";
import type { Caller } from "./messages.ts";

/** Sends one encoded request and gives the encoded answer. @throws Error whose message is the code, such as "unavailable". */
export type Call = (method: string, body: Uint8Array) => Promise<Uint8Array>;

export type CallerOptions = { readonly url: string; readonly apiKey: string };

/** Calls as thin as they can be, so that on two cores the load leaves them to the engine. Both speak the real protocols to the
 *  real ports. */
export function createCaller(kind: Caller, options: CallerOptions): { readonly call: Call; close(): void } {
  return kind === "grpc" ? createGrpcCaller(options) : createConnectCaller(options);
}

const service = "/intervention.v1.InterventionService/";

/** Below the 1,000 streams that the server allows on a connection: what is beyond waits here, and its latency grows, instead of
 *  being refused. */
const streamsMax = 800;

/** gRPC over one HTTP/2 connection, with no library in between. One that broke is made anew by the next call. */
function createGrpcCaller({ url, apiKey }: CallerOptions) {
  let session: ClientHttp2Session | undefined;
  const connected = (): ClientHttp2Session => {
    if (session === undefined || session.closed || session.destroyed) {
      session = connect(url);
      // Every call that is under way fails of it by itself.
      session.on("error", () => undefined);
    }
    return session;
  };
  const gate = createGate(streamsMax);
  const send: Call = (method, body) =>
    new Promise((resolve, reject) => {
      const stream = connected().request({
        ":method": "POST",
        ":path": service + method,
        "content-type": "application/grpc+proto",
        te: "trailers",
        authorization: `Bearer ${apiKey}`,
      });
      const chunks: Buffer[] = [];
      let status: unknown;
      stream.on("response", (headers) => {
        status = headers["grpc-status"];
      });
      stream.on("trailers", (trailers) => {
        status = trailers["grpc-status"];
      });
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("error", reject);
      stream.on("close", () => {
        if (status === "0") resolve(Buffer.concat(chunks).subarray(prefixBytes));
        else reject(new Error(`grpc-status ${String(status)}`));
      });
      const frame = Buffer.alloc(prefixBytes + body.length);
      frame.writeUInt32BE(body.length, 1);
      frame.set(body, prefixBytes);
      stream.end(frame);
    });
  return {
    call: (method: string, body: Uint8Array) => gate(() => send(method, body)),
    close: () => session?.destroy(),
  };
}

/** "Not compressed" and the length, before each message of gRPC. */
const prefixBytes = 5;

/** Lets so many through at a time; others wait their turn. */
function createGate(max: number): <T>(work: () => Promise<T>) => Promise<T> {
  let inside = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (inside >= max) await new Promise<void>((resolve) => waiting.push(resolve));
    else inside += 1;
    try {
      return await work();
    } finally {
      // Whoever waits takes over our place.
      const next = waiting.shift();
      if (next === undefined) inside -= 1;
      else next();
    }
  };
}

const connectionsMax = 128;

/** Connect's unary protocol over HTTP/1.1. */
function createConnectCaller({ url, apiKey }: CallerOptions) {
  const agent = new Agent({ keepAlive: true, maxSockets: connectionsMax });
  const call: Call = (method, body) =>
    new Promise((resolve, reject) => {
      const headers = {
        "content-type": "application/proto",
        "connect-protocol-version": "1",
        "content-length": body.length,
        authorization: `Bearer ${apiKey}`,
      };
      const sent = request(url + service + method, { method: "POST", agent, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const answer = Buffer.concat(chunks);
          if (response.statusCode === 200) resolve(answer);
          else
            reject(new Error(`${response.statusCode} ${/"code":"(\w+)"/.exec(answer.toString())?.[1] ?? ""}`.trim()));
        });
      });
      sent.on("error", reject);
      sent.end(body);
    });
  return { call, close: () => agent.destroy() };
}
