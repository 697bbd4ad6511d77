import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ClientFrameSchema, ServerFrameSchema } from "../../gen/intervention/v1/realtime_pb.js";
import { PresenceView } from "../bus/index.ts";
import { until } from "../testing/until.ts";
import { startEngine, WORKSPACE } from "./testing/gateway-fixture.ts";
import { delivered, tracked } from "./testing/protocol.ts";
import { TestClient } from "./testing/test-client.ts";

describe("a live session", () => {
  it("answers hello with welcome, pushes what is sent, and has on disk what is tracked when it says so", async () => {
    await using engine = await startEngine();
    const { client, welcome } = await TestClient.hello(engine, "ann");
    expect(welcome).toMatchObject({ heartbeatMs: 25_000 });
    expect(welcome.recovered).toBeUndefined();

    const offset = await engine.sendIntervention("ann", "iv1");
    expect(await client.next("intervention")).toMatchObject({
      offset: String(offset),
      interventionId: "iv1",
      content: { title: "Still there?" },
    });

    client.send({
      track: {
        events: [
          delivered("iv1", "r1"),
          { ref: "r2", kind: "EVENT_KIND_CLICKED", interventionId: "iv1", clickId: "c1", actionId: "go" },
        ],
      },
    });
    expect(await client.next("tracked")).toEqual({ refs: ["r1", "r2"] });
    expect(await tracked(engine)).toMatchObject([
      { eventId: "iv1:delivered", userId: "ann", workspace: WORKSPACE },
      { eventId: "iv1:clicked:c1", actionId: "go" },
    ]);
    await client.cut();
    await until(() => engine.parts.gateway.sockets() === 0, "the session's end");
  });

  it("speaks protobuf where that is agreed", async () => {
    await using engine = await startEngine();
    await using client = new TestClient(engine, {
      protocols: ["intervention.v1.proto"],
      headers: { authorization: `Bearer ${engine.token("ann")}` },
    });
    await client.opened;
    expect(client.socket.protocol).toBe("intervention.v1.proto");
    client.socket.send(toBinary(ClientFrameSchema, create(ClientFrameSchema, { frame: { case: "hello", value: {} } })));
    await until(() => client.binaryFrames.length === 1, "the welcome");
    const offset = await engine.sendIntervention("ann", "iv1");
    await engine.send("ann", { case: "revoke", value: { interventionId: "iv1" } });
    await until(() => client.binaryFrames.length === 3, "both messages");
    expect(client.binaryFrames.map((bytes) => fromBinary(ServerFrameSchema, bytes).frame)).toMatchObject([
      { case: "welcome" },
      {
        case: "intervention",
        value: { offset: BigInt(offset), interventionId: "iv1", content: { title: "Still there?" } },
      },
      { case: "revoke", value: { offset: BigInt(offset + 1), interventionId: "iv1" } },
    ]);
  });

  it("reaches every socket of a user, in order, and nobody else's", async () => {
    await using engine = await startEngine();
    const [one, two, other] = await Promise.all(["ann", "ann", "bob"].map((user) => TestClient.hello(engine, user)));
    for (let i = 0; i < 50; i += 1) await engine.sendIntervention("ann", `iv${i}`);
    await engine.sendIntervention("bob", "last");
    for (const session of [one, two])
      for (let i = 0; i < 50; i += 1)
        expect(await session?.client.next("intervention")).toMatchObject({ interventionId: `iv${i}` });
    expect(await other?.client.next("intervention")).toMatchObject({ interventionId: "last" });
  });

  it("serves users whose ids no subject could hold, each his own", async () => {
    await using engine = await startEngine();
    const users = ["a.b", "a b", "*", ">", "ü@x", "a/b"];
    const sessions = await Promise.all(users.map((user) => TestClient.hello(engine, user)));
    for (const user of users) await engine.sendIntervention(user, "iv", { title: `for ${user}` });
    for (const [i, { client }] of sessions.entries())
      expect(await client.next("intervention")).toMatchObject({ content: { title: `for ${users[i]}` } });
  });

  it("counts as present from before its welcome until its last socket is gone", async () => {
    await using engine = await startEngine();
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
    await using engine = await startEngine();
    await engine.addInboxItem("ann", "iv1");
    expect((await TestClient.hello(engine, "ann")).welcome).toMatchObject({ unreadCount: 1 });
  });

  it("finds and delivers live messages that got lost on the way to it", async () => {
    await using engine = await startEngine();
    const { client } = await TestClient.hello(engine, "ann");
    await engine.sendIntervention("ann", "seen");
    expect(await client.next("intervention")).toMatchObject({ interventionId: "seen" });
    // The stream keeps them, but for a while it republishes to nobody: as if the gateway's connection had dropped them.
    await engine.setRepublish(false);
    await engine.sendIntervention("ann", "lost1");
    await engine.sendIntervention("ann", "lost2");
    await engine.setRepublish(true);
    expect(client.frames).toHaveLength(2);
    await engine.sendIntervention("ann", "live");
    for (const id of ["lost1", "lost2", "live"])
      expect(await client.next("intervention")).toMatchObject({ interventionId: id });
  });

  it("delivers what was sent while its connection to NATS was broken", async () => {
    await using engine = await startEngine();
    const { client } = await TestClient.hello(engine, "ann");
    await engine.sendIntervention("ann", "iv0");
    await client.next("intervention");
    await engine.setRepublish(false);
    await engine.sendIntervention("ann", "iv1");
    await engine.setRepublish(true);
    expect(client.frames).toHaveLength(2);
    await engine.reconnectBus();
    expect(await client.next("intervention")).toMatchObject({ interventionId: "iv1" });
  });
});

describe("the clock of a session", () => {
  it("pings, and closes with 4008 whoever stays silent", async () => {
    await using engine = await startEngine({ HEARTBEAT_MS: "100" });
    const { client } = await TestClient.hello(engine, "ann");
    for (let i = 0; i < 4; i += 1) {
      await client.next("ping");
      client.send({ pong: {} });
    }
    expect(await client.closed()).toBe(4008);
  });

  it("closes with 4001 when the token ends, unless a fresh one of the same user came", async () => {
    await using engine = await startEngine({ HEARTBEAT_MS: "250" });
    const session = async (token: string) => {
      const client = new TestClient(engine, { token });
      await client.opened;
      client.socket.on(
        "message",
        (data) => String(data).includes("ping") && client.socket.readyState === 1 && client.send({ pong: {} }),
      );
      client.send({ hello: {} });
      await client.next("welcome");
      return client;
    };
    const [short, refreshed, wrong] = await Promise.all([
      session(engine.token("ann", 2_000)),
      session(engine.token("ann", 2_000)),
      session(engine.token("ann", 2_000)),
    ]);
    wrong.send({ refreshToken: { token: engine.token("bob") } });
    expect(await wrong.next("fault")).toMatchObject({ reason: "TOKEN_REFUSED" });
    refreshed.send({ refreshToken: { token: engine.token("ann", 60_000) } });
    expect(Date.parse(String((await refreshed.next("tokenRefreshed")).tokenExpireTime))).toBeGreaterThan(
      Date.now() + 30_000,
    );
    expect([await short.closed(), await wrong.closed()]).toEqual([4001, 4001]);
    await engine.sendIntervention("ann", "iv1");
    expect(await refreshed.next("intervention")).toMatchObject({ interventionId: "iv1" });
  });
});

describe("a drain", () => {
  it("sends everybody elsewhere with a hint, refuses new ones, and loses no event that was reported", async () => {
    await using engine = await startEngine({ DRAIN_MS: "200" });
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
      const drain = client.frames.find((frame) => frame.drain !== undefined)?.drain;
      expect(Number(drain?.reconnectAfterMs ?? 0)).toBeLessThanOrEqual(200);
      // Whoever was told that his event is on disk finds it there.
      if (client.frames.filter((frame) => frame.tracked !== undefined).length === 2)
        expect(stored).toContain(`late${i}:delivered`);
    }
  });
});
