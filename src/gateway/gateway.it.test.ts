import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Event, EventBatchSchema } from "../../gen/intervention/v1/event_pb.js";
import { ClientFrameSchema, ServerFrameSchema } from "../../gen/intervention/v1/realtime_pb.js";
import { PresenceView } from "../bus/index.ts";
import { GatewayFixture, type TestEngine, WORKSPACE } from "./testing/gateway-fixture.ts";
import { TestClient, until } from "./testing/test-client.ts";

let fixture: GatewayFixture;
beforeAll(async () => {
  fixture = await GatewayFixture.start();
});
afterAll(() => fixture[Symbol.asyncDispose]());

const delivered = (interventionId: string, ref = "r") => ({ ref, kind: "EVENT_KIND_DELIVERED", interventionId });

/** Everything on TRACKING. */
async function tracked({ parts: { bus } }: TestEngine): Promise<Event[]> {
  const events: Event[] = [];
  const { state } = await bus.jsm.streams.info(bus.subjects.stream("TRACKING"));
  for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq += 1) {
    const message = await bus.jsm.streams.getMessage(bus.subjects.stream("TRACKING"), { seq });
    if (message !== null) events.push(...fromBinary(EventBatchSchema, message.data).events);
  }
  return events;
}

describe("a live session", () => {
  it("answers hello with welcome, pushes what is sent, and has on disk what is tracked when it says so", async () => {
    await using engine = await fixture.engine();
    const { client, welcome } = await TestClient.hello(engine, "ann");
    expect(welcome).toMatchObject({ heartbeatMs: 25_000 });
    expect(welcome["recovered"]).toBeUndefined();

    const offset = await engine.sendIntervention("ann", "iv1");
    expect(await client.next("intervention")).toMatchObject({ offset: String(offset), interventionId: "iv1", content: { title: "Still there?" } });

    client.send({ track: { events: [delivered("iv1", "r1"), { ref: "r2", kind: "EVENT_KIND_CLICKED", interventionId: "iv1", clickId: "c1", actionId: "go" }] } });
    expect(await client.next("tracked")).toEqual({ refs: ["r1", "r2"] });
    expect(await tracked(engine)).toMatchObject([
      { eventId: "iv1:delivered", userId: "ann", workspace: WORKSPACE },
      { eventId: "iv1:clicked:c1", actionId: "go" },
    ]);
    await client.cut();
    await until(() => engine.parts.gateway.sockets() === 0, "the session's end");
  });

  it("speaks protobuf where that is agreed", async () => {
    await using engine = await fixture.engine();
    await using client = new TestClient(engine, { protocols: ["intervention.v1.proto"], headers: { authorization: `Bearer ${engine.token("ann")}` } });
    await client.opened;
    expect(client.socket.protocol).toBe("intervention.v1.proto");
    client.socket.send(toBinary(ClientFrameSchema, create(ClientFrameSchema, { frame: { case: "hello", value: {} } })));
    await until(() => client.binaryFrames.length === 1, "the welcome");
    const offset = await engine.sendIntervention("ann", "iv1");
    await engine.send("ann", { case: "revoke", value: { interventionId: "iv1" } });
    await until(() => client.binaryFrames.length === 3, "both messages");
    expect(client.binaryFrames.map((bytes) => fromBinary(ServerFrameSchema, bytes).frame)).toMatchObject([
      { case: "welcome" },
      { case: "intervention", value: { offset: BigInt(offset), interventionId: "iv1", content: { title: "Still there?" } } },
      { case: "revoke", value: { offset: BigInt(offset + 1), interventionId: "iv1" } },
    ]);
  });

  it("reaches every socket of a user, in order, and nobody else's", async () => {
    await using engine = await fixture.engine();
    const [one, two, other] = await Promise.all(["ann", "ann", "bob"].map((user) => TestClient.hello(engine, user)));
    for (let i = 0; i < 50; i += 1) await engine.sendIntervention("ann", `iv${i}`);
    await engine.sendIntervention("bob", "last");
    for (const session of [one, two]) for (let i = 0; i < 50; i += 1) expect(await session?.client.next("intervention")).toMatchObject({ interventionId: `iv${i}` });
    expect(await other?.client.next("intervention")).toMatchObject({ interventionId: "last" });
  });

  it("serves users whose ids no subject could hold, each his own", async () => {
    await using engine = await fixture.engine();
    const users = ["a.b", "a b", "*", ">", "ü@x", "a/b"];
    const sessions = await Promise.all(users.map((user) => TestClient.hello(engine, user)));
    for (const user of users) await engine.sendIntervention(user, "iv", { title: `for ${user}` });
    for (const [i, { client }] of sessions.entries()) expect(await client.next("intervention")).toMatchObject({ content: { title: `for ${users[i]}` } });
  });

  it("counts as present from before its welcome until its last socket is gone", async () => {
    await using engine = await fixture.engine();
    const view = await PresenceView.start(engine.parts.bus, engine.log);
    const { client: one } = await TestClient.hello(engine, "ann");
    const { client: two } = await TestClient.hello(engine, "ann");
    await until(() => view.isOnline(WORKSPACE, "ann"), "ann to be online");
    await one.cut();
    await until(() => engine.parts.gateway.sockets() === 1, "one socket to be gone");
    await TestClient.hello(engine, "bob");
    await until(() => view.isOnline(WORKSPACE, "bob"), "bob to be online");
    expect(view.isOnline(WORKSPACE, "ann")).toBe(true);
    await two.cut();
    await until(() => !view.isOnline(WORKSPACE, "ann"), "ann to be offline");
    view.stop();
  });

  it("tells the unread count of the inbox", async () => {
    await using engine = await fixture.engine();
    await engine.addInboxItem("ann", "iv1");
    expect((await TestClient.hello(engine, "ann")).welcome).toMatchObject({ unreadCount: 1 });
  });

  it("finds and delivers live messages that got lost on the way to it", async () => {
    await using engine = await fixture.engine();
    const { client } = await TestClient.hello(engine, "ann");
    await engine.sendIntervention("ann", "seen");
    expect(await client.next("intervention")).toMatchObject({ interventionId: "seen" });
    // The stream keeps them, but for a while it republishes nowhere: as if the gateway's connection had dropped them.
    await engine.setRepublish(false);
    await engine.sendIntervention("ann", "lost1");
    await engine.sendIntervention("ann", "lost2");
    await engine.setRepublish(true);
    await engine.sendIntervention("ann", "live");
    for (const id of ["lost1", "lost2", "live"]) expect(await client.next("intervention")).toMatchObject({ interventionId: id });
  });

  it("delivers what was sent while its connection to NATS was broken", async () => {
    await using engine = await fixture.engine();
    const { client } = await TestClient.hello(engine, "ann");
    await engine.sendIntervention("ann", "iv0");
    await client.next("intervention");
    await engine.setRepublish(false);
    await engine.sendIntervention("ann", "iv1");
    await engine.setRepublish(true);
    await engine.parts.bus.nc.reconnect();
    expect(await client.next("intervention")).toMatchObject({ interventionId: "iv1" });
  });
});

describe("a resume", () => {
  it("sends what was missed, without what has expired or was revoked, and says that nothing is missing", async () => {
    await using engine = await fixture.engine();
    const { client, welcome } = await TestClient.hello(engine, "ann");
    await client.cut();
    await engine.sendIntervention("ann", "expired", { expireTime: { seconds: 1n } });
    await engine.sendIntervention("ann", "revoked");
    await engine.sendIntervention("ann", "good");
    await engine.sendIntervention("bob", "not ann's");
    await engine.send("ann", { case: "revoke", value: { interventionId: "revoked" } });
    const again = await TestClient.hello(engine, "ann", resumeOf(welcome));
    expect(again.welcome).toMatchObject({ recovered: true, epoch: welcome["epoch"] });
    expect(await again.client.next("intervention")).toMatchObject({ interventionId: "good" });
    expect(await again.client.next("revoke")).toMatchObject({ interventionId: "revoked" });
    await engine.sendIntervention("ann", "live");
    expect(await again.client.next("intervention")).toMatchObject({ interventionId: "live" });
  });

  it("neither loses nor repeats what is sent while it happens", async () => {
    await using engine = await fixture.engine();
    const { client, welcome } = await TestClient.hello(engine, "ann");
    await client.cut();
    let sent = 0;
    let isSending = true;
    const sending = (async () => {
      while (isSending) await engine.sendIntervention("ann", `iv${sent++}`);
    })();
    for (let round = 0, resume = resumeOf(welcome), expected = 0; round < 8; round += 1) {
      const session = await TestClient.hello(engine, "ann", resume);
      expect(session.welcome).toMatchObject({ recovered: true });
      for (let i = 0; i < 15; i += 1, expected += 1) {
        const frame = await session.client.next("intervention");
        expect(frame["interventionId"]).toBe(`iv${expected}`);
        resume = { epoch: resume.epoch, offset: String(frame["offset"]) };
      }
      await session.client.cut();
    }
    isSending = false;
    await sending;
  });

  it("admits that something is missing when more was sent than is kept, and sends the rest", async () => {
    await using engine = await fixture.engine({ HISTORY_MAX: "3" });
    const { client, welcome } = await TestClient.hello(engine, "ann");
    await client.cut();
    for (const id of ["iv1", "iv2", "iv3", "iv4"]) await engine.sendIntervention("ann", id);
    const again = await TestClient.hello(engine, "ann", resumeOf(welcome));
    expect(again.welcome["recovered"]).toBeUndefined();
    for (const id of ["iv2", "iv3", "iv4"]) expect(await again.client.next("intervention")).toMatchObject({ interventionId: id });
  });

  it("admits that something may be missing when the history has aged", async () => {
    await using engine = await fixture.engine({ HISTORY_AGE_MS: "1000" });
    const { client, welcome } = await TestClient.hello(engine, "ann");
    await client.cut();
    await engine.sendIntervention("ann", "aged");
    const { bus } = engine.parts;
    await until(async () => (await bus.jsm.streams.info(bus.subjects.stream("REALTIME"))).state.messages === 0, "the message to age");
    const again = await TestClient.hello(engine, "ann", resumeOf(welcome));
    expect(again.welcome["recovered"]).toBeUndefined();
    // And from here on nothing is missing again.
    await again.client.cut();
    expect((await TestClient.hello(engine, "ann", resumeOf(again.welcome))).welcome).toMatchObject({ recovered: true });
  });

  it.each([
    ["of another history", { epoch: "0-256", offset: "1" }],
    ["beyond the end of this one", { epoch: "", offset: "999999" }],
  ])("from an offset %s is no recovery, and everything kept is sent", async (_, resume) => {
    await using engine = await fixture.engine();
    const { welcome } = await TestClient.hello(engine, "bob");
    await engine.sendIntervention("ann", "iv1");
    const again = await TestClient.hello(engine, "ann", { epoch: resume.epoch || String(welcome["epoch"]), offset: resume.offset });
    expect(again.welcome).toMatchObject({ epoch: welcome["epoch"] });
    expect(again.welcome["recovered"]).toBeUndefined();
    expect(await again.client.next("intervention")).toMatchObject({ interventionId: "iv1" });
  });

  it("follows every client's own new beginning when the stream is made anew", async () => {
    await using engine = await fixture.engine();
    const { client, welcome } = await TestClient.hello(engine, "ann");
    await engine.sendIntervention("ann", "old");
    await client.next("intervention");
    await engine.recreateRealtime();
    await engine.sendIntervention("ann", "new");
    expect(await client.closed()).toBe(1012);
    const again = await TestClient.hello(engine, "ann", resumeOf(welcome));
    expect(again.welcome["recovered"]).toBeUndefined();
    expect(again.welcome["epoch"]).not.toBe(welcome["epoch"]);
    expect(await again.client.next("intervention")).toMatchObject({ interventionId: "new" });
  });
});

describe("the door", () => {
  it.each([
    ["no token", {}, 401],
    ["a token that is none", { token: "x.y.z" }, 401],
    ["a page of a strange origin", { headers: { origin: "https://evil.example" } }, 403],
  ])("refuses %s before there is a socket", async (_, options, status) => {
    await using engine = await fixture.engine();
    const client = new TestClient(engine, { ...("headers" in options ? { token: engine.token("ann") } : {}), ...options });
    await expect(client.opened).rejects.toThrow();
    expect(client.refusedStatus).toBe(status);
    expect(engine.parts.gateway.sockets()).toBe(0);
  });

  it("lets in pages of the list, our own pages, and tokens from the query", async () => {
    await using engine = await fixture.engine({ ALLOWED_ORIGINS: "https://shop.example" });
    await new TestClient(engine, { token: engine.token("ann"), headers: { origin: "https://shop.example" } }).opened;
    await new TestClient(engine, { token: engine.token("ann"), headers: { origin: engine.url } }).opened;
    await new TestClient(engine, { query: `?token=${engine.token("ann")}` }).opened;
    expect(engine.parts.gateway.sockets()).toBe(3);
  });

  it("refuses a user's connection beyond his cap with 429, until one is gone", async () => {
    await using engine = await fixture.engine({ SOCKETS_PER_USER_MAX: "1" });
    const { client } = await TestClient.hello(engine, "ann");
    const second = new TestClient(engine, { token: engine.token("ann") });
    await expect(second.opened).rejects.toThrow();
    expect(second.refusedStatus).toBe(429);
    await client.cut();
    await until(() => engine.parts.gateway.sockets() === 0, "the first to be gone");
    await TestClient.hello(engine, "ann");
  });

  it("refuses an address beyond its cap with 429", async () => {
    await using engine = await fixture.engine({ SOCKETS_PER_ADDRESS_MAX: "1" });
    await TestClient.hello(engine, "ann");
    const second = new TestClient(engine, { token: engine.token("bob") });
    await expect(second.opened).rejects.toThrow();
    expect(second.refusedStatus).toBe(429);
  });

  it("tells a plain request that a WebSocket is expected", async () => {
    await using engine = await fixture.engine();
    expect((await fetch(`${engine.url}/v1/socket`)).status).toBe(426);
  });
});

describe("a client that misbehaves", () => {
  it("is told of a bad frame and closed with 4010 after three in a row", async () => {
    await using engine = await fixture.engine();
    const { client } = await TestClient.hello(engine, "ann");
    client.send("{");
    client.send({ what: "is this" });
    expect([await client.next("fault"), await client.next("fault")]).toMatchObject([{ reason: "BAD_FRAME" }, { reason: "BAD_FRAME" }]);
    client.send({ pong: {} });
    for (const frame of ["[]", "7", "nonsense"]) client.send(frame);
    expect(await client.closed()).toBe(4010);
  });

  it("is closed with 4010 when it does not begin with hello", async () => {
    await using engine = await fixture.engine();
    await using client = new TestClient(engine, { token: engine.token("ann") });
    await client.opened;
    client.send({ track: { events: [delivered("iv1")] } });
    expect(await client.closed()).toBe(4010);
    expect(await tracked(engine)).toEqual([]);
  });

  it("is told which of its events are bad while the others are stored", async () => {
    await using engine = await fixture.engine();
    const { client } = await TestClient.hello(engine, "ann");
    client.send({ track: { events: [delivered("iv1", "good"), { ref: "bad", kind: "EVENT_KIND_ACCEPTED", interventionId: "iv1" }] } });
    expect(await client.next("tracked")).toEqual({ refs: ["good"] });
    expect(await client.next("fault")).toMatchObject({ reason: "BAD_EVENT", refs: ["bad"] });
    client.send({ track: { events: Array.from({ length: 101 }, (_, i) => delivered("iv1", String(i))) } });
    expect(await client.next("fault")).toMatchObject({ reason: "BAD_EVENT" });
  });

  it("is slowed down, and closed with 4010 when it goes on", async () => {
    await using engine = await fixture.engine();
    const { client } = await TestClient.hello(engine, "ann");
    for (let i = 0; i < 250; i += 1) client.send({ track: { events: [delivered("iv1", `r${i}`)] } });
    await until(() => client.frames.some((frame) => frame["fault"]?.["reason"] === "RATE_LIMITED"), "a rate limit");
    expect(client.frames.find((frame) => frame["fault"] !== undefined)?.["fault"]).toMatchObject({ refs: [expect.stringMatching(/^r\d+$/)] });
    for (let i = 0; i < 1_000; i += 1) client.send({ pong: {} });
    expect(await client.closed()).toBe(4010);
  });

  it("is closed when a frame is too large", async () => {
    await using engine = await fixture.engine();
    const { client } = await TestClient.hello(engine, "ann");
    client.send("x".repeat(70_000));
    await client.closed();
    await until(() => engine.parts.gateway.sockets() === 0, "the session's end");
  });

  it("is closed with 4008 when it does not read, and gets the rest when it resumes", async () => {
    await using engine = await fixture.engine({ BACKPRESSURE_BYTES_MAX: "65536", HISTORY_MAX: "5000" });
    const { client, welcome } = await TestClient.hello(engine, "ann");
    const fast = await TestClient.hello(engine, "ann");
    client.socket.pause();
    const body = "x".repeat(4_000);
    let sent = 0;
    while (engine.parts.gateway.sockets() === 2 && sent < 5_000) await engine.sendIntervention("ann", `iv${sent++}`, { title: body });
    client.socket.resume();
    expect(await client.closed()).toBe(4008);
    // The other socket of the same user noticed nothing.
    for (let i = 0; i < sent; i += 1) expect(await fast.client.next("intervention")).toMatchObject({ interventionId: `iv${i}` });
    const got = client.frames.filter((frame) => frame["intervention"] !== undefined).length;
    const last = client.frames.at(-1)?.["intervention"]?.["offset"];
    const again = await TestClient.hello(engine, "ann", { epoch: String(welcome["epoch"]), offset: String(last) });
    expect(again.welcome).toMatchObject({ recovered: true });
    // A history that is larger than what may wait for one connection still comes through.
    for (let i = got; i < sent; i += 1) expect(await again.client.next("intervention")).toMatchObject({ interventionId: `iv${i}` });
  });
});

describe("the clock of a session", () => {
  it("pings, and closes with 4008 whoever stays silent", async () => {
    await using engine = await fixture.engine({ HEARTBEAT_MS: "100" });
    const { client } = await TestClient.hello(engine, "ann");
    for (let i = 0; i < 4; i += 1) {
      await client.next("ping");
      client.send({ pong: {} });
    }
    expect(await client.closed()).toBe(4008);
  });

  it("closes with 4001 when the token ends, unless a fresh one of the same user came", async () => {
    await using engine = await fixture.engine({ HEARTBEAT_MS: "250" });
    const session = async (token: string) => {
      const client = new TestClient(engine, { token });
      await client.opened;
      client.socket.on("message", (data) => String(data).includes("ping") && client.socket.readyState === 1 && client.send({ pong: {} }));
      client.send({ hello: {} });
      await client.next("welcome");
      return client;
    };
    const [short, refreshed, wrong] = await Promise.all([session(engine.token("ann", 2_000)), session(engine.token("ann", 2_000)), session(engine.token("ann", 2_000))]);
    wrong.send({ refreshToken: { token: engine.token("bob") } });
    expect(await wrong.next("fault")).toMatchObject({ reason: "TOKEN_REFUSED" });
    refreshed.send({ refreshToken: { token: engine.token("ann", 60_000) } });
    expect(Date.parse(String((await refreshed.next("tokenRefreshed"))["tokenExpireTime"]))).toBeGreaterThan(Date.now() + 30_000);
    expect([await short.closed(), await wrong.closed()]).toEqual([4001, 4001]);
    await engine.sendIntervention("ann", "iv1");
    expect(await refreshed.next("intervention")).toMatchObject({ interventionId: "iv1" });
  });
});

describe("a drain", () => {
  it("sends everybody elsewhere with a hint, refuses new ones, and loses no event that was reported", async () => {
    await using engine = await fixture.engine({ DRAIN_MS: "200" });
    const sessions = await Promise.all(Array.from({ length: 12 }, (_, i) => TestClient.hello(engine, `u${i}`)));
    for (const [i, { client }] of sessions.entries()) client.send({ track: { events: [delivered(`iv${i}`)] } });
    await until(() => sessions.every(({ client }) => client.frames.length > 1), "the answers");
    for (const [i, { client }] of sessions.entries()) client.send({ track: { events: [delivered(`late${i}`)] } });
    const draining = engine.parts.gateway.drain();
    const late = new TestClient(engine, { token: engine.token("late") });
    await expect(late.opened).rejects.toThrow();
    expect(late.refusedStatus).toBe(503);
    expect(await Promise.all(sessions.map(({ client }) => client.closed()))).toEqual(sessions.map(() => 1012));
    await draining;
    const stored = new Set((await tracked(engine)).map(({ eventId }) => eventId));
    for (const [i, { client }] of sessions.entries()) {
      expect(stored).toContain(`iv${i}:delivered`);
      const drain = client.frames.find((frame) => frame["drain"] !== undefined)?.["drain"];
      expect(Number(drain?.["reconnectAfterMs"] ?? 0)).toBeLessThanOrEqual(200);
      // Whoever was told that his event is on disk finds it there.
      if (client.frames.filter((frame) => frame["tracked"] !== undefined).length === 2) expect(stored).toContain(`late${i}:delivered`);
    }
  });
});

function resumeOf(welcome: Readonly<Record<string, unknown>>): { epoch: string; offset: string } {
  return { epoch: String(welcome["epoch"]), offset: String(welcome["offset"] ?? "0") };
}
