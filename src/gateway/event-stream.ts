import type { Admission, Admitted } from "./admission.ts";
import type { CloseReason } from "./close-codes.ts";
import { findBearer } from "./credentials.ts";
import type { EdgeRequest, EdgeResponse, EdgeServer } from "./edge-server.ts";
import type { GatewayMetrics } from "./gateway-metrics.ts";
import type { OutgoingFrame } from "./outgoing-frame.ts";
import type { ResumePoint } from "./recovery.ts";
import type { ResponseStream } from "./response-stream.ts";
import type { Connection, Session } from "./session.ts";

/** What serving event streams takes. */
export type EventStreamOptions = {
  readonly edge: EdgeServer;
  readonly admission: Admission;
  readonly openSession: (connection: Connection, admitted: Admitted) => Session;
  readonly sessionEnded: (session: Session) => void;
  readonly metrics: GatewayMetrics;
};

const HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store",
  // Proxies that collect responses would hold the stream back.
  "x-accel-buffering": "no",
};

/** Serves `GET /v1/events`: the frames of a socket as server-sent events, for where WebSocket is blocked. The request is the
 *  hello; `Last-Event-ID` (or `?last_event_id=`) is `epoch:offset`, which is what each event's id is. */
export function serveEventStreams(options: EventStreamOptions): void {
  options.edge.route("get", "/v1/events", (request) => open(options, request));
}

function open(options: EventStreamOptions, request: EdgeRequest): EdgeResponse {
  const { edge, admission, metrics } = options;
  const header = (name: string) => request.headers.get(name) ?? "";
  const decision = admission.admit({
    token: findBearer(header("authorization")) ?? request.query.get("token") ?? "",
    path: request.path,
    header,
    isOriginAllowed: edge.isOriginAllowed(header("origin"), header("host")),
    address: request.ip,
  });
  if (decision.kind === "refused")
    return {
      status: Number(decision.status.slice(0, 3)),
      headers: { "content-type": "text/plain" },
      body: `${decision.message}\n`,
    };
  const { admitted } = decision;
  const resume = parseEventId(header("last-event-id") || (request.query.get("last_event_id") ?? ""));
  return {
    status: 200,
    headers: HEADERS,
    body: (stream) => {
      const connection = new EventStreamConnection(stream, () => ended());
      const session = options.openSession(connection, admitted);
      const ended = () => {
        admission.release(admitted);
        metrics.closed("sse", connection.closed());
        session.ended();
        options.sessionEnded(session);
      };
      metrics.opened("sse");
      request.signal.addEventListener("abort", () => connection.abandon(), { once: true });
      session.begin(resume);
    },
  };
}

/** Parses `epoch:offset`; anything else begins a session anew. */
function parseEventId(id: string): ResumePoint | undefined {
  const match = /^([\w-]{1,64}):(\d{1,16})$/.exec(id);
  return match?.[1] === undefined || match[2] === undefined ? undefined : { epoch: match[1], offset: Number(match[2]) };
}

const decoder = new TextDecoder();

class EventStreamConnection implements Connection {
  readonly transport = "sse";
  readonly format = "json";
  readonly #stream: ResponseStream;
  readonly #onEnded: () => void;
  #epoch = "";
  #closedBecause: CloseReason | undefined;

  constructor(stream: ResponseStream, onEnded: () => void) {
    this.#stream = stream;
    this.#onEnded = onEnded;
  }

  send(frame: OutgoingFrame): void {
    if (this.#closedBecause !== undefined) return;
    const id = this.#idOf(frame);
    this.#stream.write(`${id === undefined ? "" : `id: ${id}\n`}data: ${decoder.decode(frame.encode("json"))}\n\n`);
  }

  /** A comment: nothing that the page would see. */
  ping(): void {
    if (this.#closedBecause === undefined) this.#stream.write(":\n\n");
  }

  bufferedBytes(): number {
    return this.#stream.bufferedBytes;
  }

  close(reason: Exclude<CloseReason, "client">): void {
    if (this.#closedBecause !== undefined) return;
    this.#closedBecause = reason;
    if (reason === "too_slow") this.#stream.abort();
    else this.#stream.end();
    this.#onEnded();
  }

  /** The client is gone. */
  abandon(): void {
    if (this.#closedBecause !== undefined) return;
    this.#closedBecause = "client";
    this.#onEnded();
  }

  closed(): CloseReason {
    return this.#closedBecause ?? "client";
  }

  /** The browser sends the newest id back when it connects again. Frames that have no place in the history have none. */
  #idOf(frame: OutgoingFrame): string | undefined {
    if (frame.epoch !== undefined) this.#epoch = frame.epoch;
    return frame.offset === undefined ? undefined : `${this.#epoch}:${frame.offset}`;
  }
}
