import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Binary } from "mongodb";
import pino from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CampaignState } from "../../gen/intervention/v1/campaign_pb.js";
import { ContentSchema, PolicySchema, Priority, RecipientSchema } from "../../gen/intervention/v1/intervention_pb.js";
import { Acceptor } from "../accept/acceptor.ts";
import type { ParsedTrigger } from "../accept/parsed-trigger.ts";
import { toFanOut } from "../accept/to-fan-out.ts";
import { Unavailable } from "../domain/errors.ts";
import { startRoleProcess } from "../start/role-process.ts";
import { advanceFanOut, cancelFanOut, claimFanOut, findFanOut, insertFanOuts, unsubscribe } from "../store/index.ts";
import { toSubscription } from "../store/subscriptions.ts";
import { startParts } from "../testing/parts.ts";
import { until } from "../testing/until.ts";
import { type FanOutOptions, runFanOuts } from "./fan-out.ts";

describe("fanning out", () => {
  let parts: Awaited<ReturnType<typeof startParts>>;
  let workspace: FanOutWorkspace;
  let acceptor: Acceptor;
  beforeAll(async () => {
    parts = await startParts();
    const [found] = (await parts.container.get(parts.services.access)).workspaces();
    if (found === undefined) throw new Error("there is no workspace");
    workspace = found;
    acceptor = new Acceptor({ store: parts.store, bus: parts.bus, now: () => new Date() });
  });
  afterAll(() => parts[Symbol.asyncDispose]());

  const options = (more: Partial<FanOutOptions> = {}): FanOutOptions => ({
    store: parts.store,
    acceptor,
    log: pino({ level: "silent" }),
    holder: "a",
    now: () => new Date(),
    signal: new AbortController().signal,
    findCampaignState: async () => CampaignState.RUNNING,
    defaultTimeZone: "UTC",
    ...more,
  });
  const follow = async (topic: string, count: number, workspaceId = "main") => {
    const documents = Array.from({ length: count }, (_, i) =>
      toSubscription({ workspaceId, topic, userId: `${topic}-u${i}` }, new Date()),
    );
    await parts.store.subscriptions.insertMany(documents);
    return documents;
  };
  const trigger = (key: string, more: Partial<ParsedTrigger> = {}): Omit<ParsedTrigger, "bodyHash"> => ({
    idempotencyKey: key,
    recipient: create(RecipientSchema),
    content: create(ContentSchema, { title: "Back again" }),
    campaign: "",
    priority: Priority.LOW,
    policy: create(PolicySchema),
    expiration: { kind: "never" },
    ...more,
  });
  const start = async (topic: string, more: Partial<ParsedTrigger> = {}) => {
    const made = toFanOut({ workspace, topic, trigger: trigger(topic, more), now: new Date() });
    await insertFanOuts(parts.store, [made]);
    return made._id;
  };
  const find = async (id: string) => {
    const found = await findFanOut(parts.store, "main", id);
    if (found === undefined) throw new Error(`there is no fan-out ${id}`);
    return found;
  };
  const runToEnd = async (id: string, more: Partial<FanOutOptions> = {}) => {
    while ((await find(id)).state === "running") await runFanOuts(options(more), [workspace]);
    return find(id);
  };
  /** Who has an entry in the ledger, and how many. */
  const reached = async (topic: string): Promise<Map<string, number>> => {
    const found = await parts.store.interventions
      .find({ userId: { $gte: `${topic}-`, $lt: `${topic}-\u{10ffff}` } }, { projection: { userId: 1 } })
      .toArray();
    const counts = new Map<string, number>();
    for (const { userId } of found) counts.set(userId, (counts.get(userId) ?? 0) + 1);
    return counts;
  };

  /** A process that is asked to stop in the middle of a page ends at the checkpoint after it. */
  const runOnePage = async () => {
    const stop = new AbortController();
    const accept: Acceptor["accept"] = (...call) => {
      stop.abort();
      return acceptor.accept(...call);
    };
    await runFanOuts(options({ acceptor: { accept }, signal: stop.signal }), [workspace]);
  };

  it("reaches every follower of the topic once, and nobody else's", async () => {
    await follow("all", 1_300);
    await follow("all", 3, "other");
    await follow("another", 5);
    const done = await runToEnd(await start("all"));
    expect(done).toMatchObject({ state: "done", acceptedCount: 1_300, failedCount: 0 });
    expect([...(await reached("all")).values()]).toEqual(Array.from({ length: 1_300 }, () => 1));
    expect((await reached("another")).size).toBe(0);
  });

  it("ends at once for a topic that nobody follows", async () => {
    expect(await runToEnd(await start("nobody"))).toMatchObject({ state: "done", acceptedCount: 0 });
  });

  it("counts those whose time has run out, and goes on", async () => {
    await follow("late", 7);
    const id = await start("late", {
      expiration: { kind: "at", time: timestampFromDate(new Date(Date.now() - 1_000)) },
    });
    expect(await runToEnd(id)).toMatchObject({ state: "done", acceptedCount: 0, failedCount: 7 });
  });

  it("does a page again when the bus or the store did not answer in the middle of it, and reaches nobody twice", async () => {
    await follow("broken", 600);
    const id = await start("broken");
    let calls = 0;
    const failing: FanOutOptions["acceptor"] = {
      async accept(...call) {
        const results = await acceptor.accept(...call);
        calls += 1;
        return calls === 1 ? results.map(() => ({ kind: "failed", error: new Unavailable("bus") })) : results;
      },
    };
    await expect(runFanOuts(options({ acceptor: failing }), [workspace])).rejects.toThrow(Unavailable);
    expect((await find(id)).acceptedCount).toBe(0);
    expect(await runToEnd(id, { acceptor: failing })).toMatchObject({ acceptedCount: 600 });
    expect([...(await reached("broken")).values()]).toEqual(Array.from({ length: 600 }, () => 1));
  });

  it("goes on with others when one can't be carried on", async () => {
    const bad = await start("bad");
    await parts.store.fanOuts.updateOne({ _id: bad }, { $set: { trigger: new Binary(Buffer.from([7])) } });
    await follow("good", 3);
    const good = await start("good");
    await expect(runFanOuts(options(), [workspace])).rejects.toThrow();
    expect((await find(good)).state).toBe("done");
    await cancelFanOut(parts.store, bad, new Date());
  });

  it("does not reach who has left before his turn, nor anybody after it was cancelled", async () => {
    const followers = await follow("left", 1_200);
    const id = await start("left");
    await runOnePage();
    const { cursor } = await find(id);
    const [leaver] = followers
      .filter(({ place }) => Number.parseInt(place, 16) >= cursor)
      .sort((a, b) => (a.place < b.place ? -1 : 1));
    if (leaver === undefined) throw new Error("everybody was reached on the first page");
    await unsubscribe(parts.store, leaver);
    await runOnePage();
    await cancelFanOut(parts.store, id, new Date());
    const { acceptedCount } = await find(id);
    await runFanOuts(options(), [workspace]);
    expect(await find(id)).toMatchObject({ state: "cancelled", acceptedCount });
    const users = await reached("left");
    expect(users.size).toBe(acceptedCount);
    expect(users.has(leaver.userId)).toBe(false);
    await cancelFanOut(parts.store, id, new Date(0));
    expect((await find(id)).endedAt?.getTime()).toBeGreaterThan(0);
  });

  it("is one holder's at a time, and what a holder writes that has lost its lease is not taken", async () => {
    await follow("fenced", 10);
    const id = await start("fenced");
    const now = new Date();
    const claim = (holder: string, at: Date) =>
      claimFanOut(parts.store, id, { holder, now: at, until: new Date(at.getTime() + 1_000) });
    const first = await claim("first", now);
    expect(await claim("second", now)).toBeUndefined();
    const second = await claim("second", new Date(now.getTime() + 2_000));
    expect(second?.fence).toBe((first?.fence ?? 0) + 1);
    const step = { state: "done", cursor: 5, acceptedCount: 5, failedCount: 0, now, heldUntil: now } as const;
    await advanceFanOut(parts.store, id, { ...step, fence: first?.fence ?? 0 });
    expect(await find(id)).toMatchObject({ state: "running", cursor: 0, acceptedCount: 0 });
    await advanceFanOut(parts.store, id, { ...step, state: "running", fence: second?.fence ?? 0 });
    expect(await find(id)).toMatchObject({ state: "running", cursor: 5, acceptedCount: 5 });
    await cancelFanOut(parts.store, id, now);
  });

  it("loses and repeats none of 12,000 followers when its process is killed by -9 in the middle, again and again", async () => {
    await follow("killed", 12_000);
    const id = await start("killed");
    const { config } = parts;
    const logDir = await mkdtemp(join(tmpdir(), "fan-out-"));
    const { PATH, HOME } = process.env;
    const child = await startRoleProcess({
      roles: ["schedule"],
      env: {
        ...{ PATH, HOME },
        NATS_URL: config.NATS_URL,
        NATS_MONITOR_URL: config.NATS_MONITOR_URL,
        MONGODB_URL: config.MONGODB_URL,
        MONGODB_DATABASE: config.MONGODB_DATABASE,
        NAMESPACE: config.NAMESPACE,
        // Nothing decides here, and nothing is to be put on the stream again meanwhile.
        RECONCILE_AFTER_MS: "3600000",
        ADMIN_PORT: "0",
      },
      logDir,
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    });
    try {
      for (const least of [1, 4_000]) {
        await until(async () => (await find(id)).acceptedCount >= least, `${least} followers are reached`, 40_000);
        expect((await find(id)).state).toBe("running");
        child.kill("SIGKILL");
        await until(() => child.pid === undefined, "the process is dead");
      }
      const done = await until(
        async () => {
          const standing = await find(id);
          return standing.state === "done" ? standing : undefined;
        },
        "everybody is reached",
        50_000,
      );
      expect(done.acceptedCount).toBe(12_000);
      expect(done.fence).toBeGreaterThanOrEqual(2);
      const counts = await reached("killed");
      expect(counts.size).toBe(12_000);
      expect([...counts.values()].every((count) => count === 1)).toBe(true);
    } finally {
      await child.stop({ signal: "SIGKILL", timeoutMs: 5_000 });
      await rm(logDir, { recursive: true, force: true });
    }
  }, 120_000);
});

type FanOutWorkspace = Parameters<typeof runFanOuts>[1][number];
