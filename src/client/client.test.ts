import { describe, expect, it } from "vitest";
import { toJwt } from "./testing/jwt.ts";
import { settled } from "./testing/manual-clock.ts";
import { Shop } from "./testing/shop.ts";

describe("a client that connects", () => {
  it("offers the JSON subprotocol and its token, says hello, and tells its states", async () => {
    const shop = await new Shop().connect();
    expect(shop.network.newest).toMatchObject({
      url: "ws://engine.test/v1/socket",
      protocols: ["intervention.v1.json", "token.token"],
    });
    expect(shop.gateway.hellos).toEqual([{ client: "intervention-client/0.1" }]);
    expect(shop.log).toEqual(["connecting", "open", "welcome", "inbox 0 undefined"]);
    shop.client.close();
    expect(shop.client.state).toBe("closed");
    expect(shop.clock.timerCount).toBe(0);
  });

  it("shows an intervention, acknowledges it after the listener returned, and reports what the user did", async () => {
    const shop = await new Shop().connect();
    shop.gateway.publish("iv-1", { campaign: "spring", expireTime: "2026-03-01T13:00:00Z" });
    await shop.calm();
    const [intervention] = shop.shown;
    expect(intervention).toMatchObject({
      id: "iv-1",
      campaign: "spring",
      content: { title: "Hello iv-1", actions: [{ id: "buy", label: "Buy", url: "" }] },
      acceptTime: undefined,
      expireTime: new Date("2026-03-01T13:00:00Z"),
    });
    intervention?.displayed();
    intervention?.displayed();
    intervention?.clicked("buy");
    intervention?.clicked("buy");
    intervention?.dismissed();
    await settled();
    // What one tick brings travels in one frame.
    expect(shop.network.newest.up).toHaveLength(1);
    await shop.calm();
    expect([...shop.gateway.tracked.keys()].map((id) => id.replace(/clicked:.*/, "clicked"))).toEqual([
      "iv-1:delivered",
      "iv-1:displayed",
      "iv-1:clicked",
      "iv-1:clicked",
      "iv-1:dismissed",
    ]);
    expect(shop.client.unsentCount).toBe(0);
  });

  it("answers a ping", async () => {
    const shop = await new Shop().connect();
    shop.network.newest.receive('{"ping":{}}');
    expect(shop.network.newest.up).toEqual(['{"pong":{}}']);
  });

  it("leaves no timer behind when it is closed with something unanswered", async () => {
    const shop = await new Shop().connect();
    shop.client.track("displayed", "iv-1");
    await settled();
    shop.client.close();
    await settled();
    expect(shop.clock.timerCount).toBe(0);
    expect(shop.client.unsentCount).toBe(1);
  });

  it("tells of the inbox", async () => {
    const shop = await new Shop().connect();
    shop.gateway.inboxChanged("iv-9");
    await shop.calm();
    expect(shop.log.at(-1)).toBe("inbox undefined iv-9");
  });
});

describe("a client whose connection breaks", () => {
  it("goes on from its offset and shows what came meanwhile once", async () => {
    const shop = await new Shop().connect();
    shop.gateway.publish("iv-1");
    await shop.calm();
    shop.network.newest.end(1006);
    shop.gateway.publish("iv-2");
    await shop.wait(1_000);
    expect(shop.gateway.hellos.at(-1)).toMatchObject({ resume: { epoch: "epoch-1", offset: "1" } });
    expect(shop.shownIds).toEqual(["iv-1", "iv-2"]);
    expect(shop.log.slice(-6)).toEqual([
      "offline",
      "connecting",
      "resyncing",
      "open",
      "recovered",
      "inbox 0 undefined",
    ]);
  });

  it("keeps its offset when the line breaks between the welcome and what was to follow", async () => {
    const shop = await new Shop().connect();
    shop.network.newest.end(1006);
    shop.gateway.publish("iv-1");
    await shop.clock.advance(1_000);
    const socket = shop.network.newest;
    socket.open();
    socket.moveUp();
    socket.moveDown();
    expect(shop.client.state).toBe("open");
    socket.end(1006);
    await shop.wait(1_000);
    expect(shop.shownIds).toEqual(["iv-1"]);
  });

  it("repeats an acknowledgement that was lost with the connection, and shows nothing twice", async () => {
    const shop = await new Shop().connect();
    shop.gateway.publish("iv-1");
    shop.network.newest.moveDown();
    await settled();
    shop.network.newest.end(1006);
    await shop.wait(1_000);
    expect([...shop.gateway.tracked]).toEqual([["iv-1:delivered", 1]]);
    expect(shop.shownIds).toEqual(["iv-1"]);
  });

  it("acknowledges a repetition again, once it is not on its way already", async () => {
    const shop = await new Shop().connect();
    shop.gateway.publish("iv-1");
    await shop.calm();
    shop.gateway.publish("iv-1");
    shop.gateway.publish("iv-1");
    await shop.calm();
    expect(shop.gateway.tracked.get("iv-1:delivered")).toBeGreaterThan(1);
    expect(shop.shownIds).toEqual(["iv-1"]);
  });

  it("begins anew in another epoch, saying that it may have missed something", async () => {
    const shop = await new Shop().connect();
    shop.gateway.epoch = "epoch-2";
    shop.network.newest.end(1012);
    await shop.wait(1_000);
    expect(shop.log.slice(-2)).toEqual(["welcome", "inbox 0 undefined"]);
    shop.network.newest.end(1012);
    await shop.wait(1_000);
    expect(shop.gateway.hellos.at(-1)).toMatchObject({ resume: { epoch: "epoch-2" } });
  });

  it("notices silence, and reconnects", async () => {
    const shop = await new Shop().connect();
    await shop.wait(1_999);
    expect(shop.network.sockets).toHaveLength(1);
    await shop.wait(200);
    expect(shop.network.sockets).toHaveLength(2);
  });

  it("reconnects at once when the network is back or the page is looked at", async () => {
    const shop = await new Shop().connect();
    shop.network.newest.end(1006);
    shop.window.dispatchEvent(new Event("online"));
    await shop.calm();
    expect(shop.client.state).toBe("open");
    shop.network.newest.end(1006);
    shop.document.dispatchEvent(new Event("visibilitychange"));
    await shop.calm();
    expect(shop.client.state).toBe("open");
    shop.client.close();
    shop.window.dispatchEvent(new Event("online"));
    await shop.calm();
    expect(shop.client.state).toBe("closed");
  });

  it("keeps what is tracked offline and sends it when it is back", async () => {
    const shop = await new Shop().connect();
    shop.network.newest.end(1006);
    shop.client.track("displayed", "iv-7");
    shop.client.track("clicked", "iv-7", "buy");
    await settled();
    expect(shop.client.unsentCount).toBe(2);
    await shop.wait(1_000);
    expect(shop.gateway.tracked.size).toBe(2);
    expect(shop.client.unsentCount).toBe(0);
  });

  it("moves when a drain tells it to", async () => {
    const shop = await new Shop().connect();
    shop.gateway.heartbeatMs = 60_000;
    shop.gateway.broadcast({ drain: { reconnectAfterMs: 500 } });
    await shop.calm();
    await shop.wait(499);
    expect(shop.network.sockets).toHaveLength(1);
    await shop.wait(1);
    expect(shop.network.sockets).toHaveLength(2);
    expect(shop.client.state).toBe("open");
  });
});

describe("a client over page navigations", () => {
  it("goes on where the page before it stopped, with its unsent events", async () => {
    const shop = await new Shop().connect();
    shop.gateway.publish("iv-1");
    await shop.calm();
    shop.network.newest.vanish();
    shop.client.track("clicked", "iv-1", "buy");
    await settled();
    shop.client.close();
    shop.gateway.publish("iv-2");
    shop.page();
    await shop.connect();
    expect(shop.shownIds).toEqual(["iv-1", "iv-2"]);
    expect([...shop.gateway.tracked.keys()].some((id) => id.startsWith("iv-1:clicked"))).toBe(true);
  });

  it("keeps the events of two pages apart even when its dice always fall the same", async () => {
    const shop = await new Shop().connect();
    shop.network.newest.end(1006);
    shop.client.track("clicked", "iv-1", "buy");
    await settled();
    shop.client.close();
    await shop.clock.advance(1);
    shop.page();
    shop.client.track("clicked", "iv-1", "buy");
    await shop.connect();
    expect(shop.gateway.tracked.size).toBe(2);
  });

  it("gives another user of the same tab nothing of the one before", async () => {
    const shop = new Shop();
    shop.token = () => toJwt({ sub: "ann", exp: shop.clock.now() / 1_000 + 600 });
    await shop.connect();
    shop.network.newest.end(1006);
    shop.client.track("clicked", "iv-1");
    await settled();
    shop.client.close();
    shop.token = () => toJwt({ sub: "bob", exp: shop.clock.now() / 1_000 + 600 });
    shop.page();
    await shop.connect();
    expect(shop.gateway.hellos.at(-1)).toEqual({ client: "intervention-client/0.1" });
    expect(shop.gateway.tracked.size).toBe(0);
  });

  it("sends what is not tracked yet with its last breath", async () => {
    const shop = await new Shop().connect();
    shop.client.track("clicked", "iv-1", "buy");
    shop.window.dispatchEvent(new Event("pagehide"));
    expect(shop.posts.map(({ url }) => url)).toEqual(["http://engine.test/v1/track"]);
    expect(shop.posts[0]?.body).toContain('"actionId":"buy"');
  });

  it("works on when storage is full, and says so", async () => {
    const shop = new Shop();
    shop.storage.capacity = 0;
    await shop.connect();
    shop.gateway.publish("iv-1");
    await shop.calm();
    expect(shop.shownIds).toEqual(["iv-1"]);
    expect(shop.reasons).toEqual(["STORAGE_UNAVAILABLE"]);
  });
});
