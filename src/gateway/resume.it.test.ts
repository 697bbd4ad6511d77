import { describe, expect, it } from "vitest";
import { until } from "../testing/until.ts";
import { startEngine } from "./testing/gateway-fixture.ts";
import { resumeOf } from "./testing/protocol.ts";
import { TestClient } from "./testing/test-client.ts";

describe("a resume", () => {
  it("sends what was missed, without what has expired or was revoked, and says that nothing is missing", async () => {
    await using engine = await startEngine();
    const { client, welcome } = await TestClient.hello(engine, "ann");
    await client.cut();
    await engine.sendIntervention("ann", "expired", { expireTime: { seconds: 1n } });
    await engine.sendIntervention("ann", "revoked");
    await engine.sendIntervention("ann", "good");
    await engine.sendIntervention("bob", "not ann's");
    await engine.send("ann", { case: "revoke", value: { interventionId: "revoked" } });
    const again = await TestClient.hello(engine, "ann", resumeOf(welcome));
    expect(again.welcome).toMatchObject({ recovered: true, epoch: welcome.epoch });
    expect(await again.client.next("intervention")).toMatchObject({ interventionId: "good" });
    expect(await again.client.next("revoke")).toMatchObject({ interventionId: "revoked" });
    await engine.sendIntervention("ann", "live");
    expect(await again.client.next("intervention")).toMatchObject({ interventionId: "live" });
  });

  it("neither loses nor repeats what is sent while it happens", async () => {
    // More than can be sent while it runs: on a quick machine the sender is far ahead of the client.
    await using engine = await startEngine({ HISTORY_MAX: "10000" });
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
        expect(frame.interventionId).toBe(`iv${expected}`);
        resume = { epoch: resume.epoch, offset: String(frame.offset) };
      }
      await session.client.cut();
    }
    isSending = false;
    await sending;
  });

  it("admits that something is missing when more was sent than is kept, and sends the rest", async () => {
    await using engine = await startEngine({ HISTORY_MAX: "3" });
    const { client, welcome } = await TestClient.hello(engine, "ann");
    await client.cut();
    for (const id of ["iv1", "iv2", "iv3", "iv4"]) await engine.sendIntervention("ann", id);
    const again = await TestClient.hello(engine, "ann", resumeOf(welcome));
    expect(again.welcome.recovered).toBeUndefined();
    for (const id of ["iv2", "iv3", "iv4"])
      expect(await again.client.next("intervention")).toMatchObject({ interventionId: id });
  });

  it("admits that something may be missing when the history has aged", async () => {
    await using engine = await startEngine({ HISTORY_AGE_MS: "1000" });
    const { client, welcome } = await TestClient.hello(engine, "ann");
    await client.cut();
    await engine.sendIntervention("ann", "aged");
    const { bus } = engine.parts;
    await until(
      async () => (await bus.jsm.streams.info(bus.subjects.stream("REALTIME"))).state.messages === 0,
      "the message to age",
    );
    const again = await TestClient.hello(engine, "ann", resumeOf(welcome));
    expect(again.welcome.recovered).toBeUndefined();
    // And from here on nothing is missing again.
    await again.client.cut();
    expect((await TestClient.hello(engine, "ann", resumeOf(again.welcome))).welcome).toMatchObject({ recovered: true });
  });

  it.each([
    ["of another history", { epoch: "0-256", offset: "1" }],
    ["beyond the end of this one", { epoch: "", offset: "999999" }],
  ])("from an offset %s is no recovery, and everything kept is sent", async (_, resume) => {
    await using engine = await startEngine();
    const { welcome } = await TestClient.hello(engine, "bob");
    await engine.sendIntervention("ann", "iv1");
    const again = await TestClient.hello(engine, "ann", {
      epoch: resume.epoch || String(welcome.epoch),
      offset: resume.offset,
    });
    expect(again.welcome).toMatchObject({ epoch: welcome.epoch });
    expect(again.welcome.recovered).toBeUndefined();
    expect(await again.client.next("intervention")).toMatchObject({ interventionId: "iv1" });
  });

  it("follows every client's own new beginning when the stream is made anew", async () => {
    await using engine = await startEngine();
    const { client, welcome } = await TestClient.hello(engine, "ann");
    await engine.sendIntervention("ann", "old");
    await client.next("intervention");
    await engine.recreateRealtime();
    await engine.sendIntervention("ann", "new");
    expect(await client.closed()).toBe(1012);
    const again = await TestClient.hello(engine, "ann", resumeOf(welcome));
    expect(again.welcome.recovered).toBeUndefined();
    expect(again.welcome.epoch).not.toBe(welcome.epoch);
    expect(await again.client.next("intervention")).toMatchObject({ interventionId: "new" });
  });
});
