import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { z } from "zod";
import { ROLES } from "../config.ts";
import { credentialsPath } from "../first-start.ts";
import { until } from "../testing/until.ts";
import { callPool } from "./testing/connect-json.ts";
import { NatsCluster } from "./testing/nats-cluster.ts";
import { RolePools } from "./testing/role-pools.ts";
import { connectShopper, type Shopper } from "./testing/shopper.ts";

const INTERVENTIONS = 400;
const USERS = 30;
/** Calls under way at once, half of them to each api process. */
const CALLERS = 16;
/** How many are accepted before everything is killed; the rest is called in while it is down and comes back. */
const KILL_AFTER = 100;

const credentials = z.object({ api_key: z.string() });
const triggered = z.object({ interventionId: z.string() });
const minted = z.object({ token: z.string() });
const listed = z.object({
  interventions: z.array(z.object({ interventionId: z.string(), state: z.string() })).default([]),
  nextPageToken: z.string().default(""),
});
const inbox = z.object({
  items: z.array(z.object({ interventionId: z.string() })).default([]),
  nextPageToken: z.string().default(""),
});

describe("a NATS cluster of three with two processes of every role", () => {
  const database = `cluster${randomBytes(6).toString("hex")}`;
  let dir: string;
  let nats: NatsCluster;
  let pools: RolePools;
  let apiKey: string;
  const shoppers: Shopper[] = [];
  /** Of what has been started, in order. */
  const stops: (() => Promise<void>)[] = [];
  const apiUrls = () => pools.of("api").map(({ url }) => url);
  const call = <T>(method: string, body: object, parse: z.ZodType<T>, from = 0): Promise<T> => {
    const urls = apiUrls();
    return callPool([...urls.slice(from), ...urls.slice(0, from)], { method, body, apiKey, parse });
  };
  const tokenOf = async (userId: string) => (await call("SessionService/CreateToken", { userId }, minted)).token;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "cluster-"));
    nats = await NatsCluster.start(dir);
    stops.push(() => nats.stop());
    const env = {
      DATA_DIR: dir,
      NATS_URL: nats.url,
      NATS_MONITOR_URL: nats.monitorUrl,
      STREAM_REPLICAS: "3",
      MONGODB_URL: inject("mongodbUrl"),
      MONGODB_DATABASE: database,
      DRAIN_MS: "200",
      UNDELIVERED_AFTER_MS: "5000",
      RECONCILE_AFTER_MS: "5000",
      LOG_LEVEL: "info",
    };
    pools = await RolePools.start({ size: 2, env, logDir: join(dir, "logs") });
    stops.push(() => pools.stop());
    apiKey = credentials.parse(JSON.parse(await readFile(credentialsPath(dir), "utf8"))).api_key;
  }, 60_000);

  afterAll(async () => {
    for (const { client } of shoppers) client.close();
    for (const stop of stops.toReversed()) await stop();
    const mongo = new MongoClient(inject("mongodbUrl"));
    await mongo.db(database).dropDatabase();
    await mongo.close();
    await rm(dir, { recursive: true, force: true });
  }, 30_000);

  it("delivers all it accepts, each once, while the stream's leader and one process of every role are killed with -9", async () => {
    // A third of the users at each gateway, a third at both.
    const gateways = pools.of("gateway").map(({ url }) => url);
    const userIds = Array.from({ length: USERS }, (_, i) => `shopper-${i}`);
    const devices = userIds.flatMap((userId, i) =>
      gateways.filter((_, g) => i % 3 === 2 || i % 3 === g).map((url) => ({ userId, url })),
    );
    shoppers.push(
      ...(await Promise.all(
        devices.map(({ userId, url }) => connectShopper({ userId, url, token: () => tokenOf(userId) })),
      )),
    );

    const accepted = new Map<string, string>();
    let next = 0;
    const caller = async (from: number) => {
      for (let i = next++; i < INTERVENTIONS; i = next++) {
        const userId = userIds[i % USERS] ?? "";
        const body = { idempotencyKey: `order-${i}`, recipient: { userId }, content: { title: `Order ${i}` } };
        const { interventionId } = await call("InterventionService/Trigger", body, triggered, from);
        accepted.set(interventionId, userId);
      }
    };
    const calls = Promise.all(Array.from({ length: CALLERS }, (_, i) => caller(i % 2)));
    await until(() => accepted.size >= KILL_AFTER, "the load is on");
    const leader = await nats.leaderOf("INTERVENTIONS");
    await nats.killNode(leader);
    for (const role of ROLES) pools.of(role)[0]?.process.kill("SIGKILL");
    await calls;
    expect(accepted.size).toBe(INTERVENTIONS);

    // The pools are whole again on two nodes; then the third one comes back.
    await until(
      async () => (await Promise.all(pools.all.map(({ url }) => isReady(url)))).every(Boolean),
      "every process is ready again",
      30_000,
    );
    for (const role of ROLES)
      expect(
        pools.of(role).map(({ process: kept }) => kept.restarts),
        role,
      ).toEqual([1, 0]);
    nats.startNode(leader);

    await until(
      async () => (await listAll()).every(({ state }) => state === "STATE_DELIVERED" || state === "STATE_INBOXED"),
      "all is settled",
      40_000,
    );
    const settled = await listAll();
    // What a list leaves out may still be found by its name, which tells a list that is wrong from a ledger that is.
    const shown = new Set(settled.map(({ interventionId }) => interventionId));
    const unlisted = [...accepted.keys()].filter((id) => !shown.has(id));
    const found = await Promise.all(
      unlisted.map((name) =>
        call("InterventionService/Get", { name }, z.unknown()).catch((error: unknown) => String(error)),
      ),
    );
    expect({ unlisted, found: found.map((one) => JSON.stringify(one)) }).toEqual({ unlisted: [], found: [] });
    expect(new Set(settled.map(({ interventionId }) => interventionId))).toEqual(new Set(accepted.keys()));
    expect(settled).toHaveLength(INTERVENTIONS);
    // Who is connected gets most of it live: the inbox is for what a dead gateway or node left over.
    expect(settled.filter(({ state }) => state === "STATE_DELIVERED").length).toBeGreaterThan(INTERVENTIONS / 3);

    // What waits in an inbox is still delivered when its user's device comes back, so the two are looked at until they agree.
    const look = async () => {
      const waiting = new Map(
        await Promise.all(userIds.map(async (userId) => [userId, await listInbox(userId)] as const)),
      );
      return (await listAll()).map(({ interventionId, state }) => {
        const userId = accepted.get(interventionId) ?? "";
        const times = shoppers
          .filter((shopper) => shopper.userId === userId)
          .map(({ shown }) => shown.get(interventionId) ?? 0);
        const isInInbox = waiting.get(userId)?.has(interventionId) === true;
        return { interventionId, state, times: Math.max(...times), isInInbox };
      });
    };
    const agrees = ({ state, times, isInInbox }: Awaited<ReturnType<typeof look>>[number]) =>
      state === "STATE_DELIVERED" ? times === 1 && !isInInbox : isInInbox;
    const agreed = await until(async () => {
      const all = await look();
      for (const { interventionId, times } of all)
        expect(times, `${interventionId} was shown to a device at most once`).toBeLessThanOrEqual(1);
      return all.every(agrees) && all;
    }, "each is where its state says");
    expect(agreed).toHaveLength(INTERVENTIONS);
    await nats.healthy();
  }, 90_000);

  it("brings what one user gets to his devices at both gateways", async () => {
    const { interventionId } = await call(
      "InterventionService/Trigger",
      { recipient: { userId: "shopper-2" }, content: { title: "Both" } },
      triggered,
    );
    const both = shoppers.filter(({ userId }) => userId === "shopper-2");
    expect(both).toHaveLength(2);
    // The cluster may still be choosing leaders, which takes it up to ten seconds.
    await until(() => both.every(({ shown }) => shown.get(interventionId) === 1), "both devices have it", 40_000);
  });

  async function listAll() {
    const all: z.output<typeof listed>["interventions"] = [];
    for (let pageToken: string | undefined = ""; pageToken !== undefined; ) {
      const page: z.output<typeof listed> = await call(
        "InterventionService/List",
        { pageSize: 1000, pageToken },
        listed,
      );
      all.push(...page.interventions);
      pageToken = page.nextPageToken === "" ? undefined : page.nextPageToken;
    }
    return all;
  }

  async function listInbox(userId: string): Promise<Set<string>> {
    const ids = new Set<string>();
    for (let pageToken: string | undefined = ""; pageToken !== undefined; ) {
      const page: z.output<typeof inbox> = await call("InboxService/List", { userId, pageSize: 100, pageToken }, inbox);
      for (const { interventionId } of page.items) ids.add(interventionId);
      pageToken = page.nextPageToken === "" ? undefined : page.nextPageToken;
    }
    return ids;
  }
});

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz`)).ok;
  } catch {
    // Not listening at the moment.
    return false;
  }
}
