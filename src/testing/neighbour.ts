import { Buffer } from "node:buffer";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Code, ConnectError } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { ProfileService } from "../../gen/data_intelligence/v1/profile_service_pb.js";

/** How the neighbour behaves. */
export type Manners =
  | "well"
  /** Answers after five seconds. */
  | "slow"
  /** Answers with bytes that are no message. */
  | "noise"
  /** Answers with a message that is no profile. */
  | "nonsense"
  | "refusing";

const SLOW_MS = 5_000;

/** A data-intelligence service that knows everybody, lives in Tokyo, and can be made to misbehave. */
export class Neighbour implements AsyncDisposable {
  manners: Manners = "well";
  /** Users it was asked for, one entry a call. */
  readonly calls: string[][] = [];
  #server: Server | undefined;
  #port = 0;

  static async start(): Promise<Neighbour> {
    const neighbour = new Neighbour();
    await neighbour.start();
    return neighbour;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Starts, or starts again on the port it had. */
  async start(): Promise<void> {
    const handle = connectNodeAdapter({
      routes: (router) => router.service(ProfileService, { batchGetProfiles: ({ userIds }) => this.#answer(userIds) }),
    });
    const server = createServer((request, response) => {
      if (this.manners !== "noise") return handle(request, response);
      request.resume();
      response.writeHead(200, { "content-type": "application/proto" }).end(Buffer.from([255, 255, 255, 1, 2, 3]));
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#port, "127.0.0.1", resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Stops as if killed: connections are cut. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  }

  async #answer(userIds: readonly string[]) {
    this.calls.push([...userIds]);
    if (this.manners === "refusing") throw new ConnectError("not now", Code.Unavailable);
    if (this.manners === "slow") await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
    const timeZone = this.manners === "nonsense" ? "Mars/Base" : "Asia/Tokyo";
    return { profiles: userIds.map((userId) => ({ userId, timeZone, locale: "ja", segments: ["loyal"] })) };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
