import type { HttpRequest, HttpResponse, us_socket_context_t, WebSocket } from "uWebSockets.js";
import type { Admission, Admitted } from "./admission.ts";
import { type CloseReason, CODE_OF } from "./close-codes.ts";
import { type FrameFormat, findCredentials } from "./credentials.ts";
import { type EdgeServer, textOf } from "./edge-server.ts";
import type { GatewayMetrics } from "./gateway-metrics.ts";
import { type OutgoingFrame, toFrame } from "./outgoing-frame.ts";
import type { Connection, Session } from "./session.ts";

/** What serving WebSockets takes. */
export type LiveSocketOptions = {
  readonly edge: EdgeServer;
  readonly admission: Admission;
  readonly openSession: (connection: Connection, admitted: Admitted) => Session;
  readonly sessionEnded: (session: Session) => void;
  readonly metrics: GatewayMetrics;
  readonly bufferedBytesMax: number;
  readonly heartbeatMs: number;
};

/** No client frame needs more: 100 events are some 20 KiB. */
const PAYLOAD_BYTES_MAX = 65_536;
/** uWS drops frames, close frames too, beyond its own limit: it lies above ours, which closes first. */
const UWS_SPARE_BYTES = 16 * 1_048_576;
/** uWS ends connections that neither take nor send anything for so long: a backstop behind our own heartbeat, for what was
 *  closed and never took its close frame. Its range, in seconds. */
const IDLE_SECONDS = { min: 8, max: 960 };

type SocketData = {
  readonly admitted: Admitted;
  readonly format: FrameFormat;
  connection: SocketConnection | undefined;
  session: Session | undefined;
};

/** Serves `/v1/socket`. Everything that can be refused is refused before the socket exists, in one go: after an `await` an
 *  upgrade may leave a socket that closes without a sound. Nothing is sent from `open`. */
export function serveLiveSockets(options: LiveSocketOptions): void {
  const { edge, metrics } = options;
  edge.app.ws<SocketData>("/v1/socket", {
    maxPayloadLength: PAYLOAD_BYTES_MAX,
    maxBackpressure: options.bufferedBytesMax + UWS_SPARE_BYTES,
    closeOnBackpressureLimit: false,
    sendPingsAutomatically: false,
    idleTimeout: Math.min(IDLE_SECONDS.max, Math.max(IDLE_SECONDS.min, Math.ceil((3 * options.heartbeatMs) / 1_000))),
    upgrade: (response, request, context) => upgrade(options, response, request, context),
    open: (socket) => {
      const data = socket.getUserData();
      data.connection = new SocketConnection(socket, data.format);
      data.session = options.openSession(data.connection, data.admitted);
      metrics.opened("websocket");
    },
    message: (socket, message) => socket.getUserData().session?.receive(new Uint8Array(message)),
    close: (socket) => {
      const { connection, session, admitted } = socket.getUserData();
      options.admission.release(admitted);
      metrics.closed("websocket", connection?.closed() ?? "client");
      session?.ended();
      if (session !== undefined) options.sessionEnded(session);
    },
  });
  edge.route("get", "/v1/socket", () => ({
    status: 426,
    headers: { upgrade: "websocket", "content-type": "text/plain" },
    body: "a WebSocket is expected here; where none can be opened, use /v1/events\n",
  }));
}

function upgrade(
  { edge, admission }: LiveSocketOptions,
  response: HttpResponse,
  request: HttpRequest,
  context: us_socket_context_t,
): void {
  response.onAborted(() => undefined);
  const credentials = findCredentials({
    subprotocols: request.getHeader("sec-websocket-protocol"),
    authorization: request.getHeader("authorization"),
    queryToken: request.getQuery("token") ?? "",
  });
  const origin = request.getHeader("origin");
  const decision = admission.admit({
    token: credentials.token,
    path: request.getUrl(),
    header: (name) => request.getHeader(name),
    isOriginAllowed: edge.isOriginAllowed(origin, request.getHeader("host")),
    address: textOf(response.getRemoteAddressAsText()),
  });
  if (decision.kind === "refused") {
    response.cork(
      () =>
        void response
          .writeStatus(decision.status)
          .writeHeader("content-type", "text/plain")
          .end(`${decision.message}\n`),
    );
    return;
  }
  const data: SocketData = {
    admitted: decision.admitted,
    format: credentials.format,
    connection: undefined,
    session: undefined,
  };
  response.upgrade(
    data,
    request.getHeader("sec-websocket-key"),
    credentials.subprotocol,
    request.getHeader("sec-websocket-extensions"),
    context,
  );
}

const PING = toFrame({ case: "ping", value: {} });

class SocketConnection implements Connection {
  readonly transport = "websocket";
  readonly format: FrameFormat;
  readonly #socket: WebSocket<SocketData>;
  #closedBecause: CloseReason | undefined;

  constructor(socket: WebSocket<SocketData>, format: FrameFormat) {
    this.#socket = socket;
    this.format = format;
  }

  send(frame: OutgoingFrame): void {
    if (this.#closedBecause === undefined) this.#socket.send(frame.encode(this.format), this.format === "proto");
  }

  ping(): void {
    this.send(PING);
  }

  bufferedBytes(): number {
    return this.#closedBecause === undefined ? this.#socket.getBufferedAmount() : 0;
  }

  close(reason: Exclude<CloseReason, "client">): void {
    if (this.#closedBecause !== undefined) return;
    this.#closedBecause = reason;
    // A silent one would never read its close frame.
    if (reason === "silent" && this.#socket.getBufferedAmount() > 0) this.#socket.close();
    else this.#socket.end(CODE_OF[reason], reason);
  }

  /** The socket is gone and may not be touched any more.
   *  @returns why. */
  closed(): CloseReason {
    this.#closedBecause ??= "client";
    return this.#closedBecause;
  }
}
