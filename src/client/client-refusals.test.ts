import { describe, expect, it } from "vitest";
import { toJwt } from "./testing/jwt.ts";
import { settled } from "./testing/manual-clock.ts";
import { Shop } from "./testing/shop.ts";

describe("interventions that must not be shown", () => {
  it("withholds one that is over by the engine's clock, and does not acknowledge it", async () => {
    const shop = new Shop();
    // The device's clock is an hour behind.
    shop.gateway.welcomeExtras = { serverTime: "2026-03-01T13:00:00Z" };
    await shop.connect();
    shop.gateway.publish("iv-1", { expireTime: "2026-03-01T12:59:59Z" });
    shop.gateway.publish("iv-2", { expireTime: "2026-03-01T13:00:01Z" });
    await shop.calm();
    expect(shop.shownIds).toEqual(["iv-2"]);
    expect([...shop.gateway.tracked.keys()]).toEqual(["iv-2:delivered"]);
  });

  it("withholds one whose revoke came first, and tells of each revoke once", async () => {
    const shop = await new Shop().connect();
    shop.gateway.revoke("iv-1");
    shop.gateway.publish("iv-1");
    shop.gateway.revoke("iv-1");
    await shop.calm();
    expect(shop.shownIds).toEqual([]);
    expect(shop.gateway.tracked.size).toBe(0);
    expect(shop.log.filter((line) => line === "revoke iv-1")).toHaveLength(1);
  });

  it("does not acknowledge what its listener failed to take, nor calls it again for it", async () => {
    const shop = new Shop();
    shop.page({}, () => {
      throw new Error("page bug");
    });
    await shop.connect();
    shop.gateway.publish("iv-1");
    shop.gateway.publish("iv-1");
    await shop.calm();
    expect(shop.shownIds).toEqual(["iv-1"]);
    expect(shop.gateway.tracked.size).toBe(0);
    expect(shop.reasons).toEqual(["LISTENER_FAILED"]);
  });

  it("acknowledges what one of two listeners took", async () => {
    const shop = new Shop();
    shop.page({}, () => {
      throw new Error("page bug");
    });
    const taken: string[] = [];
    const stop = shop.client.on("intervention", ({ id }) => taken.push(id));
    await shop.connect();
    shop.gateway.publish("iv-1");
    await shop.calm();
    expect([...shop.gateway.tracked.keys()]).toEqual(["iv-1:delivered"]);
    stop();
    shop.gateway.publish("iv-2");
    await shop.calm();
    expect(taken).toEqual(["iv-1"]);
    expect(shop.gateway.tracked.size).toBe(1);
  });
});

describe("a client and its token", () => {
  it("gets a fresh one when the engine refuses it", async () => {
    const shop = new Shop();
    let count = 0;
    shop.token = () => {
      count += 1;
      return `t${count}`;
    };
    await shop.connect();
    shop.network.newest.end(4001);
    await shop.wait(1_000);
    expect(shop.network.newest.protocols[1]).toBe("token.t2");
  });

  it("sends a fresh one at four fifths of its life", async () => {
    const shop = new Shop();
    shop.gateway.heartbeatMs = 60_000;
    shop.gateway.welcomeExtras = { serverTime: "2026-03-01T13:00:00Z", tokenExpireTime: "2026-03-01T13:00:10Z" };
    await shop.connect();
    await shop.wait(7_999);
    expect(shop.gateway.refreshedTokens).toEqual([]);
    await shop.wait(1);
    expect(shop.gateway.refreshedTokens).toEqual(["token"]);
  });

  it("begins another session when somebody else has signed in by then", async () => {
    const shop = new Shop();
    shop.gateway.heartbeatMs = 60_000;
    shop.gateway.welcomeExtras = { serverTime: "2026-03-01T13:00:00Z", tokenExpireTime: "2026-03-01T13:00:10Z" };
    shop.token = () => toJwt({ sub: "ann" });
    await shop.connect();
    shop.token = () => toJwt({ sub: "bob" });
    await shop.wait(8_000);
    await shop.wait(1_000);
    expect(shop.gateway.refreshedTokens).toEqual([]);
    expect(shop.gateway.hellos).toEqual([{ client: "intervention-client/0.1" }, { client: "intervention-client/0.1" }]);
  });

  it("reports a token function that fails and tries again", async () => {
    const shop = new Shop();
    shop.token = () => Promise.reject(new Error("shop down"));
    await shop.connect();
    expect(shop.client.state).toBe("offline");
    expect(shop.reasons).toEqual(["TOKEN_FAILED"]);
    shop.token = () => "token";
    await shop.wait(1_000);
    expect(shop.client.state).toBe("open");
  });

  it("does not open a connection that was closed while the token was on its way", async () => {
    const shop = new Shop();
    let give: (token: string) => void = () => undefined;
    shop.token = () =>
      new Promise((resolve) => {
        give = resolve;
      });
    shop.client.connect();
    shop.client.close();
    give("late");
    await settled();
    expect(shop.network.sockets).toEqual([]);
  });
});

describe("faults", () => {
  it("sends events again after UNAVAILABLE, and drops those the engine will never take", async () => {
    const shop = await new Shop().connect();
    shop.gateway.heartbeatMs = 600_000;
    shop.network.newest.end(1006);
    await shop.wait(1_000);
    shop.gateway.faultReason = "UNAVAILABLE";
    shop.client.track("displayed", "iv-1");
    await shop.calm();
    expect(shop.client.unsentCount).toBe(1);
    shop.gateway.faultReason = undefined;
    await shop.wait(5_000);
    expect([...shop.gateway.tracked.keys()]).toEqual(["iv-1:displayed"]);
    shop.gateway.faultReason = "BAD_EVENT";
    shop.client.track("displayed", "iv-2");
    await shop.calm();
    expect(shop.client.unsentCount).toBe(0);
    expect(shop.reasons).toEqual(["SERVER_FAULT", "EVENT_REFUSED"]);
  });

  it("passes over a frame it cannot read, and frames of a newer engine in silence", async () => {
    const shop = await new Shop().connect();
    shop.network.newest.receive("{");
    shop.network.newest.receive('{"hologram":{}}');
    expect(shop.reasons).toEqual(["BAD_FRAME"]);
    expect(shop.client.state).toBe("open");
  });
});
