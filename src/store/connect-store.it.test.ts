import { once } from "node:events";
import net, { type AddressInfo, type Socket } from "node:net";
import { afterEach, describe, expect, inject, it, vi } from "vitest";
import { connectStore } from "./index.ts";
import { onStore } from "./on-store.ts";

/** Stands between the store and its server, and ends connections as a server does that was killed. */
async function startRelay(target: URL) {
  const accepted: Socket[] = [];
  const relay = net.createServer((socket) => {
    const upstream = net.connect(Number(target.port), target.hostname);
    socket.on("error", () => undefined).pipe(upstream);
    upstream.on("error", () => undefined).pipe(socket);
    accepted.push(socket);
  });
  await once(relay.listen(0, "127.0.0.1"), "listening");
  return {
    port: (relay.address() as AddressInfo).port,
    end: (localPort: number | undefined) => accepted.find(({ remotePort }) => remotePort === localPort)?.end(),
    close: () => {
      for (const socket of accepted) socket.destroy();
      relay.close();
    },
  };
}

describe("a connection that the server has ended", () => {
  afterEach(() => vi.restoreAllMocks());

  it("keeps no operation waiting that starts before the connection is closed", async () => {
    const target = new URL(inject("mongodbUrl"));
    const relay = await startRelay(target);
    const sockets: Socket[] = [];
    const connect = net.createConnection;
    vi.spyOn(net, "createConnection").mockImplementation(((...args: Parameters<typeof connect>) => {
      const socket = connect(...args);
      sockets.push(socket);
      return socket;
    }) as typeof connect);
    const url = `mongodb://127.0.0.1:${relay.port}/?directConnection=true`;
    const store = await connectStore({ url, database: `ended-${process.pid}-${Date.now()}`, name: "test" });
    try {
      const insert = () =>
        onStore(() => store.checkpoints.insertOne({ _id: crypto.randomUUID(), at: new Date() } as never));
      await insert();
      const outcomes: Promise<unknown>[] = [];
      for (const socket of sockets) {
        // Reads of one turn of the loop are followed by immediates, and closing comes last.
        socket.once("end", () => setImmediate(() => outcomes.push(insert().catch((error: unknown) => error))));
        relay.end(socket.localPort);
      }
      await vi.waitFor(() => expect(outcomes.length).toBeGreaterThan(0));
      await Promise.all(outcomes);
      await insert();
    } finally {
      await store.close();
      relay.close();
    }
  });
});
