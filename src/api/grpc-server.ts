import { createServer as createHttp1Server, type IncomingMessage, type ServerResponse } from "node:http";
import {
  createServer as createHttp2Server,
  Http2ServerRequest,
  Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import { createServer as createNetServer, type Server, type Socket } from "node:net";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import type { Logger } from "pino";
import { type ApiParts, apiRouterOptions, leanGrpcOptions, registerApi } from "./api-routes.ts";
import { createLeanGrpc } from "./lean-grpc.ts";
import { splitProtocols } from "./split-protocols.ts";

type PlainResponse = Parameters<ReturnType<typeof connectNodeAdapter>>[1];

/** Answers a plain HTTP request, such as `/healthz`. */
export type PlainHandler = (
  path: string,
) => Promise<{ readonly status: number; readonly contentType: string; readonly body: string } | undefined>;

export type GrpcServerOptions = {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly api: ApiParts;
  readonly log: Logger;
  /** Paths that are no RPCs. Default: none. */
  readonly plain?: PlainHandler;
  /** What still runs that long after a stop has begun is cut off. Default: 10 s. */
  readonly stopMsMax?: number;
  /** A request whose head takes longer to come is given up: a slow sender must not hold a connection for free. Default: 10 s. */
  readonly headersMsMax?: number;
};

/** The port that serves gRPC, gRPC-Web and Connect. */
export type GrpcServer = {
  readonly port: number;
  /** Takes nothing new, finishes what runs within a bound, and closes. The caller has aborted the api's drain signal before. */
  readonly stop: () => Promise<void>;
};

/** Something else has the port, or the address is not ours. The message is for the person at the terminal. */
export class PortTaken extends Error {}

/** An HTTP/2 client that does not answer a ping before the next one is gone: its streams must not be fed for ever. */
const PING_MS = 30_000;
/** What TCP itself does about a vanished HTTP/1.1 client that still reads a stream. */
const TCP_KEEP_ALIVE_MS = 60_000;
/** Above the 60 s after which common balancers give up an idle connection: whoever sends must be the one who closes, or a request
 *  meets a connection that is just being closed. */
const KEEP_ALIVE_MS = 65_000;
const CONCURRENT_STREAMS_MAX = 1_000;
/** Room for a token and trace headers; Node's own default for HTTP/1.1. */
const HEADER_BYTES_MAX = 16_384;
const STOP_MS_MAX = 10_000;
const HEADERS_MS_MAX = 10_000;

/** Serves HTTP/2 and HTTP/1.1 in clear text on one port.
 *  @throws PortTaken */
export async function startGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const { stopMsMax = STOP_MS_MAX, headersMsMax = HEADERS_MS_MAX } = options;
  let isStopping = false;
  const handle = connectNodeAdapter({
    ...apiRouterOptions(options.api),
    routes: (router) => registerApi(router, options.api),
    fallback: (request, response) => void answerPlain(options, request.url ?? "", response),
  });
  const http1 = createHttp1Server(
    {
      headersTimeout: headersMsMax,
      requestTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
      connectionsCheckingInterval: 1_000,
    },
    (request: IncomingMessage, response: ServerResponse) => {
      if (isStopping) response.setHeader("connection", "close");
      // One that answered while the server stops would be kept alive otherwise, with nobody left to close it.
      response.once("close", () => {
        if (isStopping) setImmediate(() => http1.closeIdleConnections());
      });
      handle(request, response);
    },
  );
  const http2 = createHttp2Server({ settings: { maxConcurrentStreams: CONCURRENT_STREAMS_MAX } });
  const isTakenByLean = createLeanGrpc(leanGrpcOptions(options.api));
  http2.on("stream", (stream, headers, _flags, rawHeaders) => {
    if (isTakenByLean(stream, headers)) return;
    handle(new Http2ServerRequest(stream, headers, {}, rawHeaders), new Http2ServerResponse(stream));
  });
  const sessions = new Set<ServerHttp2Session>();
  http2.on("session", (session) => {
    sessions.add(session);
    const stopPinging = keepPinging(session);
    session.once("close", () => {
      stopPinging();
      sessions.delete(session);
    });
  });
  http2.on("sessionError", (error) =>
    options.log.debug({ event: "connection_broken", err: error }, "an HTTP/2 connection broke"),
  );
  const split = splitProtocols({ http1, http2, firstBytesMsMax: headersMsMax });
  const net = createNetServer(
    { noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEP_ALIVE_MS },
    split.onConnection,
  );
  const sockets = new Set<Socket>();
  net.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  const port = await listen(net, options);
  // The checks on slow senders begin when a server listens; this one gets its connections from the one that does.
  http1.emit("listening");
  return {
    port,
    async stop() {
      isStopping = true;
      const closed = new Promise<void>((resolve) => net.close(() => resolve()));
      split.closeSilent();
      for (const session of sessions) session.close();
      http1.close();
      http1.closeIdleConnections();
      const cutOff = setTimeout(() => {
        options.log.warn(
          { event: "calls_cut_off", connections: sockets.size },
          "connections were still open when the time to stop was over",
        );
        for (const session of sessions) session.destroy();
        http1.closeAllConnections();
        // A session can be closed to its end and leave its connection open: nothing but this ends that one, and the stop.
        for (const socket of sockets) socket.destroy();
      }, stopMsMax);
      await closed;
      clearTimeout(cutOff);
    },
  };
}

async function answerPlain({ plain, log }: GrpcServerOptions, url: string, response: PlainResponse): Promise<void> {
  try {
    const answer = await plain?.(url.split("?", 1)[0] ?? "");
    response.writeHead(answer?.status ?? 404, { "content-type": answer?.contentType ?? "text/plain; charset=utf-8" });
    response.end(answer?.body ?? "not found\n");
  } catch (error) {
    log.error({ event: "plain_request_failed", err: error }, "a plain request failed by a fault of ours");
    response.writeHead(500, { "content-type": "text/plain; charset=utf-8" });
    response.end("internal error\n");
  }
}

/** @returns what ends it. */
function keepPinging(session: ServerHttp2Session): () => void {
  let isAnswered = true;
  const timer = setInterval(() => {
    if (session.destroyed) return;
    if (!isAnswered) return session.destroy();
    isAnswered = false;
    session.ping((error) => {
      isAnswered = error === null;
    });
  }, PING_MS);
  return () => clearInterval(timer);
}

function listen(server: Server, { host, port }: GrpcServerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      const isTaken = "code" in cause && cause.code === "EADDRINUSE";
      const why = isTaken
        ? `port ${port} on ${host} is taken by another program`
        : `port ${port} on ${host} can't be opened (${cause.message})`;
      reject(new PortTaken(`${why}: set GRPC_PORT to another one, or to 0 for any that is free`, { cause }));
    });
    server.listen({ host, port }, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}
