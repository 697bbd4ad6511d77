import { connect as connectHttp2 } from "node:http2";
import { connect, createServer, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PortTaken, startGrpcServer } from "./grpc-server.ts";
import { GrpcClient } from "./testing/grpc-client.ts";
import { startApi } from "./testing/start-api.ts";

const TRIGGER = "intervention.v1.InterventionService/Trigger";
const good = { recipient: { userId: "u1" }, content: { title: "Hello" } };

/** A connection of bare bytes, with all that came back on it. */
function openSocket(port: number): {
  readonly socket: Socket;
  readonly text: () => string;
  readonly closed: Promise<void>;
} {
  const socket = connect({ port, host: "127.0.0.1" });
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  return { socket, text: () => Buffer.concat(chunks).toString("latin1"), closed };
}

describe("the port of the API", () => {
  let api: Awaited<ReturnType<typeof startApi>>;
  beforeAll(async () => {
    api = await startApi();
  });
  afterAll(() => api[Symbol.asyncDispose]());

  it("serves HTTP/1.1 and HTTP/2 side by side, however the first bytes arrive", async () => {
    const http1 = openSocket(api.server.port);
    for (const part of [
      "P",
      "O",
      "ST /grpc.health.v1.Health/Check HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
    ])
      await new Promise((resolve) => http1.socket.write(part, resolve));
    await expect.poll(http1.text).toContain('{"status":"SERVING"}');
    http1.socket.destroy();

    const http2 = openSocket(api.server.port);
    const settings = Buffer.from("000000040000000000", "hex");
    for (const part of ["P", "RI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
      await new Promise((resolve) => http2.socket.write(part, resolve));
    http2.socket.write(settings);
    // The server's own settings frame: type 4 on stream 0.
    await expect.poll(() => http2.text().charCodeAt(3)).toBe(4);
    http2.socket.destroy();
  });

  it("takes Connect over HTTP/2 too", async () => {
    const session = connectHttp2(api.url);
    const stream = session.request({
      ":method": "POST",
      ":path": `/${TRIGGER}`,
      "content-type": "application/json",
      authorization: `Bearer ${api.apiKey}`,
    });
    stream.end(JSON.stringify(good));
    let body = "";
    for await (const chunk of stream) body += String(chunk);
    expect(JSON.parse(body)).toMatchObject({ name: expect.stringContaining("workspaces/main/interventions/") });
    session.close();
  });

  it("knows no other paths", async () => {
    expect((await fetch(`${api.url}/nothing`)).status).toBe(404);
  });

  it("says in one sentence that its port is taken, and how to go on", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const address = taken.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const started = startGrpcServer({ host: "127.0.0.1", port, api: api.api, log: api.log });
    await expect(started).rejects.toThrow(PortTaken);
    await expect(started).rejects.toThrow(
      `port ${port} on 127.0.0.1 is taken by another program: set GRPC_PORT to another one, or to 0 for any that is free`,
    );
    await new Promise((resolve) => taken.close(resolve));
  });

  it("answers plain paths that it is given, and hides what goes wrong there", async () => {
    const plain = async (path: string) => {
      if (path === "/broken") throw new Error("secret");
      return path === "/healthz" ? { status: 200, contentType: "text/plain", body: "ok\n" } : undefined;
    };
    const server = await startGrpcServer({ host: "127.0.0.1", port: 0, api: api.api, log: api.log, plain });
    const get = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${server.port}${path}`);
      return [response.status, await response.text()];
    };
    expect(await get("/healthz?verbose")).toEqual([200, "ok\n"]);
    expect(await get("/nothing")).toEqual([404, "not found\n"]);
    expect(await get("/broken")).toEqual([500, "internal error\n"]);
    await server.stop();
  });

  it("gives up who says nothing, and who never ends his headers", async () => {
    const server = await startGrpcServer({ host: "127.0.0.1", port: 0, api: api.api, log: api.log, headersMsMax: 200 });
    const silent = openSocket(server.port);
    const slow = openSocket(server.port);
    slow.socket.write("POST /x HTTP/1.1\r\nhost: x\r\n");
    await silent.closed;
    await slow.closed;
    expect(slow.text()).toContain("408");
    await server.stop();
  });
});

describe("stopping", () => {
  it("finishes the calls that run, refuses new ones, and ends idle connections at once", async () => {
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    await using base = await startApi();
    let calls = 0;
    const acceptor = Object.assign(Object.create(base.api.acceptor), {
      async accept(...args: Parameters<typeof base.api.acceptor.accept>) {
        calls += 1;
        await gate;
        return base.api.acceptor.accept(...args);
      },
    });
    const server = await startGrpcServer({
      host: "127.0.0.1",
      port: 0,
      api: { ...base.api, acceptor },
      log: base.log,
      stopMsMax: 600_000,
    });
    const address = `127.0.0.1:${server.port}`;
    using client = new GrpcClient(address, { authorization: `Bearer ${base.apiKey}` });
    const running = client.call(TRIGGER, good);
    const byHttp1 = fetch(`http://${address}/${TRIGGER}`, {
      method: "POST",
      headers: { authorization: `Bearer ${base.apiKey}`, "content-type": "application/json" },
      body: JSON.stringify(good),
    });
    const silent = openSocket(server.port);
    const idle = openSocket(server.port);
    idle.socket.write("GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n");
    await expect.poll(idle.text).toContain("404");
    await expect.poll(() => calls).toBe(2);
    const stopped = server.stop();
    await idle.closed;
    await silent.closed;
    await expect(fetch(`http://${address}/nothing`)).rejects.toThrow();
    release();
    expect(await running).toMatchObject({ code: 0 });
    expect((await byHttp1).status).toBe(200);
    await stopped;
  });

  it("cuts off what does not end in time", async () => {
    await using base = await startApi();
    let calls = 0;
    const acceptor = Object.assign(Object.create(base.api.acceptor), {
      accept() {
        calls += 1;
        return new Promise(() => {});
      },
    });
    const server = await startGrpcServer({
      host: "127.0.0.1",
      port: 0,
      api: { ...base.api, acceptor },
      log: base.log,
      stopMsMax: 100,
    });
    using client = new GrpcClient(`127.0.0.1:${server.port}`, { authorization: `Bearer ${base.apiKey}` });
    const running = client.call(TRIGGER, good);
    await expect.poll(() => calls).toBe(1);
    await server.stop();
    expect((await running).code).not.toBe(0);
  });
});
