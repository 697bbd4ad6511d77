import { connect } from "node:net";
import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { EventBatchSchema } from "../../gen/intervention/v1/event_pb.js";
import { until } from "../testing/until.ts";
import { startEngine, type TestEngine, WORKSPACE } from "./testing/gateway-fixture.ts";
import { type JsonFrame, TestClient } from "./testing/test-client.ts";

/** A reader of event streams, by hand. */
class StreamReader implements AsyncDisposable {
  readonly events: { id: string | undefined; frame: JsonFrame }[] = [];
  comments = 0;
  isEnded = false;
  readonly #abort = new AbortController();

  static async open(
    engine: TestEngine,
    options: { readonly query?: string; readonly headers?: Readonly<Record<string, string>> },
  ): Promise<{ reader: StreamReader; response: Response }> {
    const reader = new StreamReader();
    const response = await fetch(`${engine.url}/v1/events${options.query ?? ""}`, {
      headers: { ...options.headers },
      signal: reader.#abort.signal,
    });
    if (response.ok) void reader.#read(response);
    return { reader, response };
  }

  async frame(index: number): Promise<{ id: string | undefined; frame: JsonFrame }> {
    await until(() => this.events.length > index, `event ${index}`);
    const event = this.events[index];
    if (event === undefined) throw new Error("it has just been there");
    return event;
  }

  close(): void {
    this.#abort.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  async #read(response: Response): Promise<void> {
    let rest = "";
    try {
      for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        rest += chunk;
        for (let end = rest.indexOf("\n\n"); end >= 0; end = rest.indexOf("\n\n")) {
          const lines = rest.slice(0, end).split("\n");
          rest = rest.slice(end + 2);
          const data = lines.find((line) => line.startsWith("data: "))?.slice(6);
          if (data === undefined) this.comments += 1;
          else
            this.events.push({ id: lines.find((line) => line.startsWith("id: "))?.slice(4), frame: JSON.parse(data) });
        }
      }
    } catch (error) {
      if (!this.#abort.signal.aborted) throw error;
    } finally {
      this.isEnded = true;
    }
  }
}

describe("an event stream", () => {
  it("brings welcome and messages, each with an id that it can be resumed from", async () => {
    await using engine = await startEngine();
    const { reader, response } = await StreamReader.open(engine, { query: `?token=${engine.token("ann")}` });
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    const { id, frame } = await reader.frame(0);
    expect(id).toBe(`${frame.welcome?.epoch}:${frame.welcome?.offset ?? 0}`);
    const offset = await engine.sendIntervention("ann", "iv1");
    expect(await reader.frame(1)).toMatchObject({
      id: `${frame.welcome?.epoch}:${offset}`,
      frame: { intervention: { interventionId: "iv1" } },
    });
    reader.close();
    await until(() => engine.parts.gateway.sockets() === 0, "the session's end");

    await engine.sendIntervention("ann", "iv2");
    for (const [how, options] of [
      ["header", { query: `?token=${engine.token("ann")}`, headers: { "last-event-id": `${reader.events[1]?.id}` } }],
      [
        "query",
        { query: `?token=${engine.token("ann")}&last_event_id=${encodeURIComponent(`${reader.events[1]?.id}`)}` },
      ],
    ] as const) {
      const again = await StreamReader.open(engine, options);
      expect([how, (await again.reader.frame(0)).frame]).toMatchObject([how, { welcome: { recovered: true } }]);
      expect((await again.reader.frame(1)).frame).toMatchObject({ intervention: { interventionId: "iv2" } });
      again.reader.close();
    }
  });

  it("is refused like a socket: without a token, from a strange page, beyond the cap, and while draining", async () => {
    await using engine = await startEngine({ SOCKETS_PER_USER_MAX: "1" });
    const authorization = `Bearer ${engine.token("ann")}`;
    expect((await StreamReader.open(engine, {})).response.status).toBe(401);
    expect(
      (await StreamReader.open(engine, { headers: { authorization, origin: "https://evil.example" } })).response.status,
    ).toBe(403);
    const { reader } = await StreamReader.open(engine, { headers: { authorization } });
    await reader.frame(0);
    expect((await StreamReader.open(engine, { headers: { authorization } })).response.status).toBe(429);
    await engine.parts.gateway.drain();
    expect((await StreamReader.open(engine, { headers: { authorization } })).response.status).toBe(503);
    await until(() => reader.isEnded, "the end of the stream");
    expect(reader.events.at(-1)?.frame).toHaveProperty("drain");
  });

  it("is kept alive by comments, which a page does not see", async () => {
    await using engine = await startEngine({ HEARTBEAT_MS: "100" });
    const { reader } = await StreamReader.open(engine, { query: `?token=${engine.token("ann")}` });
    await until(() => reader.comments >= 4, "comments");
    expect(reader.events).toHaveLength(1);
    reader.close();
  });

  it("is broken off when nobody reads it, and costs the user's other devices nothing", async () => {
    await using engine = await startEngine({ BACKPRESSURE_BYTES_MAX: "65536", HISTORY_MAX: "5000" });
    const { client } = await TestClient.hello(engine, "ann");
    const socket = connect(engine.parts.gateway.port, "127.0.0.1");
    socket.pause();
    socket.write(`GET /v1/events?token=${engine.token("ann")} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
    await until(() => engine.parts.gateway.sockets() === 2, "both");
    let sent = 0;
    while (engine.parts.gateway.sockets() === 2 && sent < 5_000)
      await engine.sendIntervention("ann", `iv${sent++}`, { title: "x".repeat(4_000) });
    expect(engine.parts.gateway.sockets()).toBe(1);
    for (let i = 0; i < sent; i += 1)
      expect(await client.next("intervention")).toMatchObject({ interventionId: `iv${i}` });
    socket.destroy();
  });
});

describe("POST /v1/track", () => {
  const post = (engine: TestEngine, body: unknown, headers: Readonly<Record<string, string>>) =>
    fetch(`${engine.url}/v1/track`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  const displayed = { ref: "r1", kind: "EVENT_KIND_DISPLAYED", interventionId: "iv1" };

  it("has on disk what it answers", async () => {
    await using engine = await startEngine();
    const response = await post(engine, { events: [displayed] }, { authorization: `Bearer ${engine.token("ann")}` });
    expect([response.status, await response.json()]).toEqual([200, { refs: ["r1"] }]);
    const { bus } = engine.parts;
    const stored = await bus.jsm.streams.getMessage(bus.subjects.stream("TRACKING"), {
      last_by_subj: bus.subjects.track(WORKSPACE, "displayed"),
    });
    expect(stored === null ? undefined : fromBinary(EventBatchSchema, stored.data).events).toMatchObject([
      { eventId: "iv1:displayed", userId: "ann" },
    ]);
  });

  it("takes the good events of a request, and says what is wrong with the others", async () => {
    await using engine = await startEngine();
    const authorization = `Bearer ${engine.token("ann")}`;
    const response = await post(
      engine,
      { events: [displayed, { ...displayed, ref: "r2", kind: "EVENT_KIND_SENT" }] },
      { authorization },
    );
    expect([response.status, await response.json()]).toMatchObject([
      200,
      { refs: ["r1"], faults: [{ reason: "BAD_EVENT", refs: ["r2"] }] },
    ]);
  });

  it.each([
    ["no token", 401, { events: [displayed] }, false],
    ["a body that is no Track", 400, "{", true],
    ["no event", 400, { events: [] }, true],
    ["only bad events", 400, { events: [{ ...displayed, interventionId: "" }] }, true],
    ["a body that is too large", 413, "x".repeat(70_000), true],
  ])("refuses %s with %i", async (_, status, body, hasToken) => {
    await using engine = await startEngine();
    expect((await post(engine, body, hasToken ? { authorization: `Bearer ${engine.token("ann")}` } : {})).status).toBe(
      status,
    );
  });

  it("slows one user down without holding up another", async () => {
    await using engine = await startEngine();
    const [ann, bob] = ["ann", "bob"].map((user) => ({ authorization: `Bearer ${engine.token(user)}` }));
    const statuses = await Promise.all(
      Array.from({ length: 60 }, async () => (await post(engine, { events: [displayed] }, { ...ann })).status),
    );
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    expect((await post(engine, { events: [displayed] }, { ...bob })).status).toBe(200);
  });

  it("may be called by pages of the list, and by no others", async () => {
    await using engine = await startEngine({ ALLOWED_ORIGINS: "https://shop.example" });
    const preflight = (origin: string) =>
      fetch(`${engine.url}/v1/track`, {
        method: "OPTIONS",
        headers: {
          origin,
          "access-control-request-method": "POST",
          "access-control-request-headers": "authorization,content-type",
        },
      });
    const allowed = await preflight("https://shop.example");
    expect([
      allowed.status,
      allowed.headers.get("access-control-allow-origin"),
      allowed.headers.get("access-control-allow-headers"),
    ]).toEqual([204, "https://shop.example", "authorization,content-type"]);
    expect((await preflight("https://evil.example")).headers.get("access-control-allow-origin")).toBeNull();
    const response = await post(
      engine,
      { events: [displayed] },
      { authorization: `Bearer ${engine.token("ann")}`, origin: "https://shop.example" },
    );
    expect(response.headers.get("access-control-allow-origin")).toBe("https://shop.example");
  });
});
