import type { WebSocketConstructor, WebSocketLike } from "../websocket-transport.ts";
import type { ModelGateway, ModelSession } from "./model-gateway.ts";

type Handler = (event: { readonly data: unknown; readonly code: number }) => void;

/** One WebSocket of the network below. What is under way on it moves only when told. */
export class ManualSocket implements WebSocketLike {
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  readonly url: string;
  readonly protocols: readonly string[];
  phase: "connecting" | "open" | "ended" = "connecting";
  /** Under way to the gateway and to the client, oldest first. */
  readonly up: string[] = [];
  readonly down: string[] = [];
  readonly #session: ModelSession;

  constructor(gateway: ModelGateway, url: string, protocols: string[]) {
    this.url = url;
    this.protocols = protocols;
    this.#session = gateway.accept({
      send: (frame) => void this.down.push(JSON.stringify(frame)),
      close: (code) => this.end(code),
    });
  }

  open(): void {
    if (this.phase !== "connecting") return;
    this.phase = "open";
    this.#call(this.onopen);
  }

  send(data: string): void {
    if (this.phase === "connecting") throw new Error("send before open");
    if (this.phase === "open") this.up.push(data);
  }

  /** By the client. What it has sent may still arrive; nothing comes back. */
  close(): void {
    this.#leave();
  }

  /** By the gateway or the network: all that is under way is lost. */
  end(code: number): void {
    if (this.phase === "ended") return;
    this.up.length = 0;
    this.#leave();
    this.#call(this.onclose, { code });
  }

  /** One frame of the client reaches the gateway. */
  moveUp(): void {
    const text = this.up.shift();
    if (text !== undefined) this.#session.receive(text);
  }

  /** One frame of the gateway reaches the client. */
  moveDown(): void {
    const text = this.down.shift();
    if (text !== undefined) this.receive(text);
  }

  /** The page it belongs to is gone without a word. */
  vanish(): void {
    this.onclose = null;
    this.end(1006);
  }

  receive(text: string): void {
    if (this.phase === "open") this.#call(this.onmessage, { data: text });
  }

  #leave(): void {
    this.phase = "ended";
    this.down.length = 0;
    this.#session.lost();
  }

  #call(handler: ((event: never) => void) | null, event: { data?: unknown; code?: number } = {}): void {
    (handler as Handler | null)?.({ data: event.data, code: event.code ?? 0 });
  }
}

/** A network in which nothing happens by itself. */
export class ManualNetwork {
  readonly sockets: ManualSocket[] = [];
  readonly webSocket: WebSocketConstructor;

  constructor(gateway: ModelGateway) {
    const { sockets } = this;
    this.webSocket = class extends ManualSocket {
      constructor(url: string, protocols: string[]) {
        super(gateway, url, protocols);
        sockets.push(this);
      }
    };
  }

  get newest(): ManualSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error("no socket was opened yet");
    return socket;
  }

  /** Opens the newest socket and moves frames until none is under way. */
  async calm(rest: () => Promise<void>): Promise<void> {
    await rest();
    this.sockets.at(-1)?.open();
    await rest();
    for (let socket = this.sockets.find(isBusy); socket !== undefined; socket = this.sockets.find(isBusy)) {
      socket.moveUp();
      socket.moveDown();
      await rest();
    }
  }
}

function isBusy(socket: ManualSocket): boolean {
  return socket.up.length + socket.down.length > 0;
}
