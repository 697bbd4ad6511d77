import { describe, expect, it } from "vitest";
import { until } from "../testing/until.ts";
import { startEngine } from "./testing/gateway-fixture.ts";
import { delivered, tracked } from "./testing/protocol.ts";
import { TestClient } from "./testing/test-client.ts";

describe("the door", () => {
  it.each([
    ["no token", {}, 401],
    ["a token that is none", { token: "x.y.z" }, 401],
    ["a page of a strange origin", { headers: { origin: "https://evil.example" } }, 403],
  ])("refuses %s before there is a socket", async (_, options, status) => {
    await using engine = await startEngine();
    const client = new TestClient(engine, {
      ...("headers" in options ? { token: engine.token("ann") } : {}),
      ...options,
    });
    await expect(client.opened).rejects.toThrow();
    expect(client.refusedStatus).toBe(status);
    expect(engine.parts.gateway.sockets()).toBe(0);
  });

  it("lets in pages of the list, our own pages, and tokens from the query", async () => {
    await using engine = await startEngine({ ALLOWED_ORIGINS: "https://shop.example" });
    await new TestClient(engine, { token: engine.token("ann"), headers: { origin: "https://shop.example" } }).opened;
    await new TestClient(engine, { token: engine.token("ann"), headers: { origin: engine.url } }).opened;
    await new TestClient(engine, { query: `?token=${engine.token("ann")}` }).opened;
    expect(engine.parts.gateway.sockets()).toBe(3);
  });

  it("refuses a user's connection beyond his cap with 429, until one is gone", async () => {
    await using engine = await startEngine({ SOCKETS_PER_USER_MAX: "1" });
    const { client } = await TestClient.hello(engine, "ann");
    const second = new TestClient(engine, { token: engine.token("ann") });
    await expect(second.opened).rejects.toThrow();
    expect(second.refusedStatus).toBe(429);
    await client.cut();
    await until(() => engine.parts.gateway.sockets() === 0, "the first to be gone");
    await TestClient.hello(engine, "ann");
  });

  it("refuses an address beyond its cap with 429", async () => {
    await using engine = await startEngine({ SOCKETS_PER_ADDRESS_MAX: "1" });
    await TestClient.hello(engine, "ann");
    const second = new TestClient(engine, { token: engine.token("bob") });
    await expect(second.opened).rejects.toThrow();
    expect(second.refusedStatus).toBe(429);
  });

  it("tells a plain request that a WebSocket is expected", async () => {
    await using engine = await startEngine();
    expect((await fetch(`${engine.url}/v1/socket`)).status).toBe(426);
  });
});

describe("a client that misbehaves", () => {
  it("is told of a bad frame and closed with 4010 after three in a row", async () => {
    await using engine = await startEngine();
    const { client } = await TestClient.hello(engine, "ann");
    client.send("{");
    client.send({ what: "is this" });
    expect([await client.next("fault"), await client.next("fault")]).toMatchObject([
      { reason: "BAD_FRAME" },
      { reason: "BAD_FRAME" },
    ]);
    client.send({ pong: {} });
    for (const frame of ["[]", "7", "nonsense"]) client.send(frame);
    expect(await client.closed()).toBe(4010);
  });

  it("is closed with 4010 when it does not begin with hello", async () => {
    await using engine = await startEngine();
    await using client = new TestClient(engine, { token: engine.token("ann") });
    await client.opened;
    client.send({ track: { events: [delivered("iv1")] } });
    expect(await client.closed()).toBe(4010);
    expect(await tracked(engine)).toEqual([]);
  });

  it("is told which of its events are bad while the others are stored", async () => {
    await using engine = await startEngine();
    const { client } = await TestClient.hello(engine, "ann");
    client.send({
      track: { events: [delivered("iv1", "good"), { ref: "bad", kind: "EVENT_KIND_ACCEPTED", interventionId: "iv1" }] },
    });
    expect(await client.next("tracked")).toEqual({ refs: ["good"] });
    expect(await client.next("fault")).toMatchObject({ reason: "BAD_EVENT", refs: ["bad"] });
    client.send({ track: { events: Array.from({ length: 101 }, (_, i) => delivered("iv1", String(i))) } });
    expect(await client.next("fault")).toMatchObject({ reason: "BAD_EVENT" });
  });

  it("is slowed down, and closed with 4010 when it goes on", async () => {
    await using engine = await startEngine();
    const { client } = await TestClient.hello(engine, "ann");
    for (let i = 0; i < 250; i += 1) client.send({ track: { events: [delivered("iv1", `r${i}`)] } });
    await until(() => client.frames.some((frame) => frame.fault?.reason === "RATE_LIMITED"), "a rate limit");
    expect(client.frames.find((frame) => frame.fault !== undefined)?.fault).toMatchObject({
      refs: [expect.stringMatching(/^r\d+$/)],
    });
    for (let i = 0; i < 1_000; i += 1) client.send({ pong: {} });
    expect(await client.closed()).toBe(4010);
  });

  it("is closed when a frame is too large", async () => {
    await using engine = await startEngine();
    const { client } = await TestClient.hello(engine, "ann");
    client.send("x".repeat(70_000));
    await client.closed();
    await until(() => engine.parts.gateway.sockets() === 0, "the session's end");
  });

  it("is closed with 4008 when it does not read, and gets the rest when it resumes", async () => {
    await using engine = await startEngine({ BACKPRESSURE_BYTES_MAX: "65536", HISTORY_MAX: "5000" });
    const { client, welcome } = await TestClient.hello(engine, "ann");
    const fast = await TestClient.hello(engine, "ann");
    client.socket.pause();
    const body = "x".repeat(4_000);
    let sent = 0;
    while (engine.parts.gateway.sockets() === 2 && sent < 5_000)
      await engine.sendIntervention("ann", `iv${sent++}`, { title: body });
    client.socket.resume();
    expect(await client.closed()).toBe(4008);
    // The other socket of the same user noticed nothing.
    for (let i = 0; i < sent; i += 1)
      expect(await fast.client.next("intervention")).toMatchObject({ interventionId: `iv${i}` });
    const got = client.frames.filter((frame) => frame.intervention !== undefined).length;
    const last = client.frames.at(-1)?.intervention?.offset;
    const again = await TestClient.hello(engine, "ann", { epoch: String(welcome.epoch), offset: String(last) });
    expect(again.welcome).toMatchObject({ recovered: true });
    // A history that is larger than what may wait for one connection still comes through.
    for (let i = got; i < sent; i += 1)
      expect(await again.client.next("intervention")).toMatchObject({ interventionId: `iv${i}` });
  });
});
