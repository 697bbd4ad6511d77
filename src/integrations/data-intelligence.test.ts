import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import { ProfileService } from "../../gen/data_intelligence/v1/profile_service_pb.js";
import { createMetrics } from "../observe/index.ts";
import { Neighbour } from "../testing/neighbour.ts";
import { until } from "../testing/until.ts";
import { DataIntelligence, type DataIntelligenceOptions } from "./data-intelligence.ts";

/** Closed after each test. */
const open: DataIntelligence[] = [];

describe("the data-intelligence service", () => {
  let neighbour: Neighbour;
  let clock = 0;
  beforeEach(async () => {
    neighbour = await Neighbour.start();
    clock = 0;
  });
  afterEach(async () => {
    for (const one of open.splice(0)) one[Symbol.dispose]();
    await neighbour.stop();
  });

  function connect(changes: Partial<DataIntelligenceOptions> = {}) {
    const metrics = createMetrics();
    const asked = new DataIntelligence({
      url: neighbour.url,
      // Long, so that a busy machine makes no test fail; those of slowness set their own.
      deadlineMs: 10_000,
      ...{ freshMs: 100, staleMs: 1_000, cacheMax: 100, inFlightMax: 8, metrics, now: () => clock },
      ...changes,
    });
    open.push(asked);
    const look = async (...userIds: string[]) =>
      Object.fromEntries(
        [...(await asked.look("w", userIds))].map(([userId, lookup]) => [userId, lookup.outcome] as const),
      );
    return { asked, look, metrics };
  }

  it("is asked once for all users of a batch, and not again while what it said is fresh", async () => {
    const { asked, look } = connect();
    const first = await asked.look("w", ["ada", "bob", "ada"]);
    expect(first.get("ada")).toEqual({
      ...{ kind: "answered", outcome: "fresh" },
      profile: { attributes: {}, segments: ["loyal"], timeZone: "Asia/Tokyo", locale: "ja" },
    });
    clock = 100;
    expect(await look("bob", "cleo")).toEqual({ bob: "cached", cleo: "fresh" });
    expect(neighbour.calls).toEqual([["ada", "bob"], ["cleo"]]);
  });

  it("is asked again behind when what it said is stale, and before anything else when it is too old", async () => {
    const { look } = connect();
    await look("ada");
    clock = 101;
    expect(await look("ada")).toEqual({ ada: "stale" });
    await until(async () => (await look("ada")).ada === "cached", "asked again");
    expect(neighbour.calls).toHaveLength(2);
    clock = 101 + 1_101;
    expect(await look("ada")).toEqual({ ada: "fresh" });
  });

  it("is asked once for a user whom many want at the same time", async () => {
    const { look } = connect();
    await Promise.all(Array.from({ length: 50 }, () => look("ada")));
    expect(neighbour.calls).toEqual([["ada"]]);
  });

  it("is asked by gRPC where its URL says so", async () => {
    await using grpc = await serveGrpc();
    const { look } = connect({ url: grpc.url });
    expect(await look("ada", "bob")).toEqual({ ada: "fresh", bob: "fresh" });
  });

  it("keeps workspaces apart", async () => {
    const { asked } = connect();
    await asked.look("w", ["ada"]);
    await asked.look("v", ["ada"]);
    expect(neighbour.calls).toHaveLength(2);
  });

  it("is remembered for so many users only: who was not asked for longest is forgotten", async () => {
    const { look } = connect({ cacheMax: 2 });
    await look("ada", "bob");
    await look("ada");
    await look("cleo");
    expect(await look("ada")).toEqual({ ada: "cached" });
    expect(await look("bob")).toEqual({ bob: "fresh" });
  });

  test.each([
    { manners: "slow", deadlineMs: 30, outcome: "fallback_timeout" },
    { manners: "noise", deadlineMs: 10_000, outcome: "garbage" },
    { manners: "nonsense", deadlineMs: 10_000, outcome: "garbage" },
    { manners: "refusing", deadlineMs: 10_000, outcome: "fallback_error" },
  ] as const)("that is $manners is done without, left alone, and used again when it is well", async (fault) => {
    const { look, metrics } = connect({ deadlineMs: fault.deadlineMs, openMs: 50 });
    neighbour.manners = fault.manners;
    for (let n = 1; n <= 5; n += 1) expect(await look(`u${n}`)).toEqual({ [`u${n}`]: fault.outcome });
    expect(await look("u6")).toEqual({ u6: "fallback_open" });
    expect(neighbour.calls.length).toBeLessThanOrEqual(5);
    const count = async (outcome: string) =>
      (await metrics.profileLookups.get()).values.find(({ labels }) => labels.outcome === outcome)?.value ?? 0;
    expect(await count(fault.outcome)).toBe(5);
    expect(await count("fallback_open")).toBe(1);
    neighbour.manners = "well";
    await until(async () => (await look("u7")).u7 === "fresh", "answered again");
    expect(await count("fresh")).toBe(1);
  });

  it("that is gone is done without, while what it said before still serves", async () => {
    const { look } = connect();
    await look("ada");
    await neighbour.stop();
    clock = 500;
    expect(await look("ada", "bob")).toEqual({ ada: "stale", bob: "fallback_error" });
  });

  it("is not asked by more calls at once than allowed", async () => {
    const { look } = connect({ inFlightMax: 1, deadlineMs: 200 });
    neighbour.manners = "slow";
    expect(await Promise.all([look("ada"), look("bob")])).toEqual([
      { ada: "fallback_timeout" },
      { bob: "fallback_full" },
    ]);
  });
});

/** One that speaks gRPC over HTTP/2 only and knows everybody. */
async function serveGrpc() {
  const server = createServer(
    connectNodeAdapter({
      routes: (router) =>
        router.service(ProfileService, {
          batchGetProfiles: ({ userIds }) => ({ profiles: userIds.map((userId) => ({ userId })) }),
        }),
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `grpc://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const one of open.splice(0)) one[Symbol.dispose]();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
