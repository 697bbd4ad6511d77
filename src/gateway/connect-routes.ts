import { type ConnectRouter, type ConnectRouterOptions, createConnectRouter } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { compressionBrotli, compressionGzip } from "@connectrpc/connect-node";
import type { EdgeRequest, EdgeResponse, EdgeServer } from "./edge-server.ts";

/** What serving RPC on the edge takes. */
export type ConnectRoutesOptions = {
  readonly edge: EdgeServer;
  /** Adds the services: the same ones as on the gRPC port. */
  readonly register: (router: ConnectRouter) => void;
  /** Interceptors, limits and what else the services are served with. */
  readonly router?: Omit<ConnectRouterOptions, "grpc">;
  /** A request's whole body, which is read before the call begins. Default 16 MiB. */
  readonly bodyBytesMax?: number;
};

const BODY_BYTES_MAX = 16 * 1_048_576;
const READ_BYTES_MAX = 4 * 1_048_576;
const TIMEOUT_MS_MAX = 300_000;

/** Serves ConnectRPC on uWS: Connect and gRPC-Web over HTTP/1.1, unary and server streaming. gRPC itself and
 *  streams in both directions need HTTP/2 and have a port of their own. */
export function serveConnect(options: ConnectRoutesOptions): void {
  const { edge, register, bodyBytesMax = BODY_BYTES_MAX } = options;
  const router = createConnectRouter({
    acceptCompression: [compressionGzip, compressionBrotli],
    readMaxBytes: READ_BYTES_MAX,
    maxTimeoutMs: TIMEOUT_MS_MAX,
    ...options.router,
    grpc: false,
  });
  register(router);
  for (const handler of router.handlers) {
    const serve = (request: EdgeRequest) => call(handler, request);
    edge.route("post", handler.requestPath, serve, { bodyBytesMax });
    // Calls without side effects may come by GET, so that they can be cached.
    if (handler.allowedMethods.includes("GET")) edge.route("get", handler.requestPath, serve);
  }
}

async function call(handler: UniversalHandler, request: EdgeRequest): Promise<EdgeResponse> {
  const { method, path, query, headers, body, signal } = request;
  const search = query.size === 0 ? "" : `?${query}`;
  const response = await handler({
    httpVersion: "1.1",
    method,
    url: `http://${headers.get("host") ?? "localhost"}${path}${search}`,
    header: new Headers([...headers]),
    body: only(body),
    signal,
  });
  const { status, header, body: answer } = response;
  const isStreaming = handler.method.methodKind !== "unary";
  return {
    status,
    ...(header === undefined ? {} : { headers: header }),
    ...(answer === undefined ? {} : { body: isStreaming ? answer : await whole(answer) }),
  };
}

async function* only(body: Uint8Array): AsyncIterable<Uint8Array> {
  if (body.length > 0) yield body;
}

/** One unary answer in one piece costs less than chunks, and tells its length. */
async function whole(body: NonNullable<UniversalServerResponse["body"]>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}
