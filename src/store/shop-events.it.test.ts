import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ShopEventSchema } from "../../gen/intervention/v1/shopper_pb.js";
import { startParts } from "../testing/parts.ts";
import { findShopEventsOf, insertShopEvents, listShopEvents } from "./index.ts";

const NOW_MS = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;

describe("the newest events of a shopper", () => {
  it.each([
    { name: "who has fewer than are wanted", timesMs: [0, -400 * DAY_MS, -3, 3_600_000] },
    { name: "who has been at it for years", timesMs: Array.from({ length: 300 }, (_, n) => -n * 5 * DAY_MS) },
    { name: "who does a hundred things a second", timesMs: Array.from({ length: 600 }, (_, n) => -n * 10) },
    {
      name: "who did all of it long ago, and a little just now",
      timesMs: [...Array.from({ length: 300 }, (_, n) => -200 * DAY_MS - n * 1_000), -5, -60_000],
    },
  ])("are those, in order, of one $name", async ({ timesMs }) => {
    await using parts = await startParts();
    const events = timesMs.map((ms, n) => {
      const event = create(ShopEventSchema, { eventId: `${n}`, userId: "ada" });
      return { event, at: new Date(NOW_MS + ms), body: toBinary(ShopEventSchema, event), workspaceId: "main" };
    });
    const others = { ...events[0], workspaceId: "other" };
    await insertShopEvents(parts.store, [...events, others as (typeof events)[0]], new Date(NOW_MS));
    const limit = 100;
    const found = await listShopEvents(parts.store, {
      ...{ workspaceId: "main", userId: "ada", limit, now: new Date(NOW_MS) },
    });
    const newest = events.toSorted((a, b) => b.at.getTime() - a.at.getTime()).slice(0, limit);
    expect(found.map((body) => Buffer.from(body).toString("hex"))).toEqual(
      newest.map(({ body }) => Buffer.from(body).toString("hex")),
    );
  });

  it("are no more than are wanted even when more happened in one millisecond", async () => {
    await using parts = await startParts();
    const events = Array.from({ length: 300 }, (_, n) => {
      const event = create(ShopEventSchema, { eventId: `${n}`, userId: "ada" });
      return { event, at: new Date(NOW_MS), body: toBinary(ShopEventSchema, event), workspaceId: "main" };
    });
    await insertShopEvents(parts.store, events, new Date(NOW_MS));
    const whose = { workspaceId: "main", userId: "ada", limit: 100, now: new Date(NOW_MS) };
    expect(await listShopEvents(parts.store, whose)).toHaveLength(100);
  });

  it("come for several at once, unless they are too many", async () => {
    await using parts = await startParts();
    const events = ["ada", "bob", "ada", "eve"].map((userId, n) => {
      const event = create(ShopEventSchema, { eventId: `${n}`, userId });
      return { event, at: new Date(NOW_MS + n), body: toBinary(ShopEventSchema, event), workspaceId: "main" };
    });
    await insertShopEvents(parts.store, events, new Date(NOW_MS));
    const asked = { workspaceId: "main", userIds: ["ada", "bob", "nobody"] };
    const found = await findShopEventsOf(parts.store, { ...asked, limit: 3 });
    const ids = [...(found ?? [])].map(([user, bodies]) => [
      user,
      bodies.map((body) => fromBinary(ShopEventSchema, body).eventId),
    ]);
    expect(Object.fromEntries(ids)).toEqual({ ada: ["2", "0"], bob: ["1"] });
    expect(await findShopEventsOf(parts.store, { ...asked, limit: 2 })).toBeUndefined();
  });

  it("are looked up by an index that has every field of the question", async () => {
    await using parts = await startParts();
    const whose = { workspaceId: "main", userId: "ada" };
    const several = { workspaceId: "main", userId: { $in: ["ada", "bob"] } };
    for (const filter of [whose, several, { ...whose, at: { $gte: new Date(0), $lt: new Date() } }]) {
      const plan = JSON.stringify(await parts.store.shopEvents.find(filter).explain("queryPlanner"));
      expect(plan).toContain("IXSCAN");
      expect(plan).not.toMatch(/COLLSCAN|"FETCH","filter"/);
    }
  });
});
