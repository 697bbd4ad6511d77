import { WebSocket } from "ws";
import { until } from "../../testing/until.ts";
import type { TestEngine } from "./gateway-fixture.ts";

/** A ServerFrame as JSON. */
export type JsonFrame = { readonly [kind: string]: Readonly<Record<string, unknown>> | undefined };

/** A client of its own kind: `ws`, and JSON written by hand. */
export class TestClient implements AsyncDisposable {
  readonly socket: WebSocket;
  readonly frames: JsonFrame[] = [];
  readonly binaryFrames: Uint8Array[] = [];
  readonly opened: Promise<void>;
  closeCode: number | undefined;
  /** The HTTP status of a refused upgrade. */
  refusedStatus: number | undefined;
  #seen = 0;

  constructor(
    engine: TestEngine,
    options: {
      readonly token?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly query?: string;
      readonly protocols?: readonly string[];
    } = {},
  ) {
    const protocols = options.protocols ?? [
      "intervention.v1.json",
      ...(options.token === undefined ? [] : [`token.${options.token}`]),
    ];
    this.socket = new WebSocket(
      `ws://127.0.0.1:${engine.parts.gateway.port}/v1/socket${options.query ?? ""}`,
      [...protocols],
      { headers: { ...options.headers } },
    );
    this.socket.on("message", (data, isBinary) => {
      if (isBinary && data instanceof Buffer) this.binaryFrames.push(data);
      else this.frames.push(JSON.parse(String(data)));
    });
    this.socket.on("close", (code) => {
      this.closeCode = code;
    });
    this.opened = new Promise((resolve, reject) => {
      this.socket.on("open", () => resolve());
      this.socket.on("error", reject);
      this.socket.on("unexpected-response", (_request, response) => {
        this.refusedStatus = response.statusCode;
        reject(new Error(`refused with ${response.statusCode}`));
      });
    });
    // Tests of refusals look at the status instead.
    this.opened.catch(() => undefined);
  }

  /** Connects and says hello. */
  static async hello(
    engine: TestEngine,
    userId: string,
    resume?: { readonly epoch: string; readonly offset: string },
  ): Promise<{ client: TestClient; welcome: Readonly<Record<string, unknown>> }> {
    const client = new TestClient(engine, { token: engine.token(userId) });
    await client.opened;
    client.send({ hello: { client: "test/1", ...(resume === undefined ? {} : { resume }) } });
    return { client, welcome: await client.next("welcome") };
  }

  send(frame: unknown): void {
    this.socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  /** The next frame, which must be of this kind; pings are passed over. */
  async next(kind: string): Promise<Readonly<Record<string, unknown>>> {
    for (;;) {
      await until(() => this.frames.length > this.#seen || this.closeCode !== undefined, `a ${kind} frame`);
      const frame = this.frames[this.#seen];
      if (frame === undefined) throw new Error(`closed with ${this.closeCode} before a ${kind} frame`);
      this.#seen += 1;
      if (frame.ping !== undefined && kind !== "ping") continue;
      const body = frame[kind];
      if (body === undefined) throw new Error(`${kind} was expected, and ${JSON.stringify(frame)} came`);
      return body;
    }
  }

  async closed(): Promise<number> {
    await until(() => this.closeCode !== undefined, "the close of the socket");
    return this.closeCode ?? 0;
  }

  /** Breaks the connection off. */
  async cut(): Promise<void> {
    this.socket.terminate();
    await this.closed();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.terminate();
  }
}
