import {
  App,
  type HttpRequest,
  type HttpResponse,
  type TemplatedApp,
  type us_listen_socket,
  us_listen_socket_close,
  us_socket_local_port,
} from "uWebSockets.js";
import { STATUS_CODES } from "node:http";
import type { Logger } from "pino";
import { isOriginAllowed } from "./origin.ts";
import { ResponseStream } from "./response-stream.ts";

/** A request, whole. */
export type EdgeRequest = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly ip: string;
  readonly body: Uint8Array;
  /** Aborts when the client goes before it has its answer. */
  readonly signal: AbortSignal;
};

/** An answer; a body that is iterated is sent as it comes, and one that is a function writes as long as it likes. */
export type EdgeResponse = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>> | Headers;
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array> | ((stream: ResponseStream) => void);
};

export type EdgeHandler = (request: EdgeRequest) => EdgeResponse | Promise<EdgeResponse>;
export type EdgeMethod = "get" | "post" | "put" | "del" | "any";

export type EdgeOptions = {
  readonly host: string;
  readonly port: number;
  readonly allowedOrigins: readonly string[];
  readonly log: Logger;
};

/** The port is taken, or the address is not this machine's. */
class EdgePortUnavailable extends Error {}

/** What a plain route takes at most; routes that expect more say so. */
const BODY_BYTES_MAX = 65_536;
/** At a stop, a request under way gets this long for its answer. */
const ANSWER_MS_MAX = 5_000;
const NO_BODY = new Uint8Array();
const PREFLIGHT_SECONDS = "7200";
/** uWS listens with SO_REUSEPORT otherwise: two engines on one port would share its connections without a word. */
const EXCLUSIVE_PORT = 1;

/** HTTP on uWS: routes as functions from request to response. Everything that uWS punishes with the end of the process or a
 *  silent leak is done here once: `onAborted` is attached before anything else, what is read of a request is copied before
 *  the first `await`, writes are corked, and nobody writes to a response whose client is gone. */
export class EdgeServer {
  /** For WebSocket routes. */
  readonly app: TemplatedApp = App();
  readonly #options: EdgeOptions;
  #socket: us_listen_socket | undefined;
  #unanswered = 0;

  constructor(options: EdgeOptions) {
    this.#options = options;
    this.app.options("/*", (response, request) => this.#preflight(response, request));
  }

  /** Adds a route. Patterns are those of uWS: `/a/:b`, `/a/*`. */
  route(
    method: EdgeMethod,
    pattern: string,
    handler: EdgeHandler,
    options: { readonly bodyBytesMax?: number } = {},
  ): void {
    const { bodyBytesMax = BODY_BYTES_MAX } = options;
    this.app[method](pattern, (response, request) => this.#handle(response, request, handler, bodyBytesMax));
  }

  isOriginAllowed(origin: string, host: string): boolean {
    return isOriginAllowed({ origin, host, allowed: this.#options.allowedOrigins });
  }

  /** Listens, when all routes are there.
   *  @returns the port.
   *  @throws EdgePortUnavailable */
  async listen(): Promise<number> {
    const { host, port } = this.#options;
    this.route("any", "/*", () => ({
      status: 404,
      headers: { "content-type": "text/plain" },
      body: "there is nothing here\n",
    }));
    const socket = await new Promise<us_listen_socket | false>((resolve) => {
      // The types leave out the form with a host and options.
      Reflect.apply(this.app.listen, this.app, [host, port, EXCLUSIVE_PORT, resolve]);
    });
    if (socket === false)
      throw new EdgePortUnavailable(
        `can't listen on ${host}:${port}: another program has it; set EDGE_PORT to a free port (0 takes any), or HOST to an address of this machine`,
      );
    this.#socket = socket;
    return us_socket_local_port(socket);
  }

  /** Takes no new connections; those that are there go on. */
  stopListening(): void {
    if (this.#socket !== undefined) us_listen_socket_close(this.#socket);
    this.#socket = undefined;
  }

  /** Takes no new connections, lets what has not been answered yet be answered, and ends all others. */
  async close(): Promise<void> {
    this.stopListening();
    for (const deadline = performance.now() + ANSWER_MS_MAX; this.#unanswered > 0 && performance.now() < deadline; )
      await new Promise((resolve) => setTimeout(resolve, 5));
    this.app.close();
  }

  #handle(response: HttpResponse, request: HttpRequest, handler: EdgeHandler, bodyBytesMax: number): void {
    const abort = new AbortController();
    const exchange: Exchange = { response, isGone: false, stream: undefined, cors: [] };
    response.onAborted(() => {
      exchange.isGone = true;
      exchange.stream?.gone();
      abort.abort();
    });
    const headers = new Map<string, string>();
    request.forEach((name, value) => void headers.set(name, value));
    exchange.cors = this.#corsHeaders(headers.get("origin") ?? "", headers.get("host") ?? "");
    const method = request.getMethod().toUpperCase();
    const partial = {
      method,
      path: request.getUrl(),
      query: new URLSearchParams(request.getQuery()),
      headers,
      ip: textOf(response.getRemoteAddressAsText()),
      signal: abort.signal,
    };
    if (method === "GET" || method === "HEAD") void this.#respond(exchange, handler, { ...partial, body: NO_BODY });
    else
      readBody(
        response,
        bodyBytesMax,
        (body) =>
          void (body === undefined
            ? this.#respondTooLarge(exchange, bodyBytesMax)
            : this.#respond(exchange, handler, { ...partial, body })),
      );
  }

  async #respond(exchange: Exchange, handler: EdgeHandler, request: EdgeRequest): Promise<void> {
    let answer: EdgeResponse;
    this.#unanswered += 1;
    try {
      answer = await handler(request);
    } catch (error) {
      this.#options.log.error(
        { event: "edge_route_failed", path: request.path, err: error },
        "a route threw: the caller gets 500",
      );
      answer = { status: 500, headers: { "content-type": "text/plain" }, body: "internal error\n" };
    } finally {
      this.#unanswered -= 1;
    }
    try {
      await send(exchange, answer);
    } catch (error) {
      this.#options.log.error(
        { event: "edge_stream_failed", path: request.path, err: error },
        "a response broke off half-way",
      );
      exchange.stream?.abort();
    }
  }

  /** What still comes of it is not read: the connection ends. */
  #respondTooLarge(exchange: Exchange, bodyBytesMax: number): void {
    if (exchange.isGone) return;
    exchange.response.cork(() => {
      begin(exchange, { status: 413, headers: { "content-type": "text/plain" } });
      exchange.response.end(`at most ${bodyBytesMax} bytes\n`, true);
    });
  }

  #corsHeaders(origin: string, host: string): readonly (readonly [string, string])[] {
    if (origin === "" || !this.isOriginAllowed(origin, host)) return [];
    return [
      ["access-control-allow-origin", origin],
      ["access-control-expose-headers", "*, grpc-status, grpc-message, grpc-status-details-bin"],
      ["vary", "Origin"],
    ];
  }

  #preflight(response: HttpResponse, request: HttpRequest): void {
    response.onAborted(() => undefined);
    const cors = this.#corsHeaders(request.getHeader("origin"), request.getHeader("host"));
    response.writeStatus("204 No Content");
    for (const [name, value] of cors) response.writeHeader(name, value);
    if (cors.length > 0) {
      response.writeHeader("access-control-allow-methods", "GET, POST, PUT, DELETE");
      response.writeHeader(
        "access-control-allow-headers",
        request.getHeader("access-control-request-headers") || "authorization, content-type",
      );
      response.writeHeader("access-control-max-age", PREFLIGHT_SECONDS);
    }
    response.endWithoutBody();
  }
}

/** A response on its way. */
type Exchange = {
  readonly response: HttpResponse;
  isGone: boolean;
  stream: ResponseStream | undefined;
  cors: readonly (readonly [string, string])[];
};

const decoder = new TextDecoder();
export const textOf = (bytes: ArrayBuffer) => decoder.decode(bytes);

/** Calls back with the whole body, or undefined when it is too large. */
function readBody(response: HttpResponse, bytesMax: number, done: (body: Uint8Array | undefined) => void): void {
  const chunks: Uint8Array[] = [];
  let length = 0;
  response.onData((chunk, isLast) => {
    if (length > bytesMax) return;
    length += chunk.byteLength;
    if (length > bytesMax) return done(undefined);
    // uWS takes the buffer back when this returns.
    chunks.push(new Uint8Array(chunk.slice(0)));
    if (isLast) done(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
  });
}

async function send(exchange: Exchange, answer: EdgeResponse): Promise<void> {
  const { response } = exchange;
  const { body } = answer;
  if (body === undefined || typeof body === "string" || body instanceof Uint8Array) {
    if (exchange.isGone) return;
    response.cork(() => {
      begin(exchange, answer);
      response.end(body ?? "");
    });
    return;
  }
  if (exchange.isGone) {
    if (typeof body !== "function") await body[Symbol.asyncIterator]().return?.();
    return;
  }
  const stream = new ResponseStream(response, () => exchange.isGone);
  exchange.stream = stream;
  response.cork(() => begin(exchange, answer));
  if (typeof body === "function") return body(stream);
  for await (const chunk of body) {
    if (!stream.isOpen) break;
    if (!stream.write(chunk)) await stream.writable();
  }
  stream.end();
}

/** Writes status and headers; within a cork. */
function begin({ response, cors }: Exchange, { status, headers }: EdgeResponse): void {
  response.writeStatus(`${status} ${STATUS_CODES[status] ?? ""}`);
  for (const [name, value] of cors) response.writeHeader(name, value);
  const entries = headers instanceof Headers ? headers : Object.entries(headers ?? {});
  // uWS writes the length itself, and a second one makes the response unreadable.
  for (const [name, value] of entries) if (name.toLowerCase() !== "content-length") response.writeHeader(name, value);
}
