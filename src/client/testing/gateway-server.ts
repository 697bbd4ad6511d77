import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { parseJson, toObject, toText } from "../json.ts";
import { ModelGateway, type ModelLine } from "./model-gateway.ts";

/** How the way to the gateway is. `deaf` takes a socket's frames and answers none but the hello. */
export type Weather = "fair" | "webSocketBlocked" | "closed" | "deaf";

type Files = {
  readonly [path: string]: {
    readonly type: string;
    readonly text: string;
    readonly headers?: { readonly [name: string]: string };
  };
};

/** The model gateway on real sockets, which also serves one page, so that a browser can be pointed at it. */
export class GatewayServer implements AsyncDisposable {
  readonly model = new ModelGateway();
  weather: Weather = "fair";
  /** How often each way was taken. */
  readonly counts = { webSocket: 0, events: 0, track: 0 };
  readonly #files: Files;
  readonly #http: Server;
  readonly #sockets = new WebSocketServer({ noServer: true, handleProtocols: () => "intervention.v1.json" });
  readonly #cuts = new Map<object, () => void>();

  private constructor(files: Files) {
    this.#files = files;
    this.#http = createServer((request, response) => this.#answer(request, response));
    this.#http.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
  }

  get url(): string {
    const address = this.#http.address();
    return `http://127.0.0.1:${isAddressInfo(address) ? address.port : 0}`;
  }

  static async start(files: Files = {}): Promise<GatewayServer> {
    const server = new GatewayServer(files);
    await new Promise<void>((resolve) => server.#http.listen(0, "127.0.0.1", resolve));
    return server;
  }

  /** Breaks every connection without a word, as a tunnel does. */
  cut(): void {
    for (const cut of [...this.#cuts.values()]) cut();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.weather === "webSocketBlocked" || this.weather === "closed") {
      socket.end("HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n");
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => this.#serveSocket(webSocket));
  }

  #serveSocket(socket: WebSocket): void {
    this.counts.webSocket += 1;
    const session = this.model.accept({
      send: (frame) => socket.send(JSON.stringify(frame)),
      close: (code) => socket.close(code),
    });
    this.#cuts.set(socket, () => socket.terminate());
    socket.on("message", (data) => {
      const text = String(data);
      if (this.weather !== "deaf" || text.startsWith('{"hello"')) session.receive(text);
    });
    socket.on("close", () => {
      this.#cuts.delete(socket);
      session.lost();
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", this.url);
    const file = this.#files[url.pathname];
    if (file !== undefined) response.writeHead(200, { "Content-Type": file.type, ...file.headers }).end(file.text);
    else if (this.weather === "closed") response.socket?.destroy();
    else if (url.pathname === "/v1/events") this.#serveEvents(request, response);
    else if (url.pathname === "/v1/track") this.#takeTrack(request, response);
    else response.writeHead(404).end();
  }

  #serveEvents(request: IncomingMessage, response: ServerResponse): void {
    this.counts.events += 1;
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    const line: ModelLine = {
      send: (frame) => void response.write(`data: ${JSON.stringify(frame)}\n\n`),
      close: () => void response.end(),
    };
    const session = this.model.accept(line);
    this.#cuts.set(response, () => response.socket?.destroy());
    response.on("close", () => {
      this.#cuts.delete(response);
      session.lost();
    });
    const [epoch, offset] = String(request.headers["last-event-id"] ?? "").split(":");
    this.model.welcome(line, offset === undefined ? {} : { resume: { epoch, offset } });
  }

  #takeTrack(request: IncomingMessage, response: ServerResponse): void {
    this.counts.track += 1;
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (!request.headers.authorization?.startsWith("Bearer ")) {
        response.writeHead(401).end();
        return;
      }
      const answer = toObject(this.model.track(toObject(parseJson(Buffer.concat(chunks).toString())) ?? {})) ?? {};
      const fault = toObject(answer.fault);
      if (fault === undefined) response.end(JSON.stringify(answer.tracked));
      else response.writeHead(toText(fault.reason) === "UNAVAILABLE" ? 503 : 400).end(toText(fault.message));
    });
  }
}

function isAddressInfo(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === "object" && address !== null;
}
