import { Binary } from "mongodb";
import { describe, expect, it } from "vitest";
import { startParts } from "../testing/parts.ts";
import {
  claimLease,
  countUnread,
  insertInboxItems,
  insertNew,
  listInbox,
  listInterventions,
  markInbox,
  toPosition,
} from "./index.ts";

describe("insert new", () => {
  it("inserts what is new in one trip and says which were there, by which index", async () => {
    await using parts = await startParts();
    const decision = (id: string, capSlot: string) => ({
      _id: id,
      workspaceId: "w",
      interventionId: id,
      userId: "ada",
      campaign: "",
      round: 0,
      outcome: "send" as const,
      decidedAt: new Date(),
      capSlot,
      decision: new Binary(),
    });
    expect(await insertNew(parts.store.decisions, [decision("a/0", "w/ada/1")])).toEqual([]);
    const conflicts = await insertNew(parts.store.decisions, [
      decision("b/0", "w/ada/2"),
      decision("a/0", "w/ada/9"),
      decision("c/0", "w/ada/1"),
      decision("d/0", "w/ada/3"),
    ]);
    expect(conflicts).toEqual([
      { index: 1, indexName: "_id_" },
      { index: 2, indexName: "cap_slot" },
    ]);
    expect(await parts.store.decisions.countDocuments()).toBe(3);
  });
});

describe("inbox", () => {
  it("pages, counts, reads and archives, and keeps users and workspaces apart", async () => {
    await using parts = await startParts();
    const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 0, minute));
    const item = (id: string, userId: string, workspaceId: string, minute: number, more: { expireAt?: Date } = {}) => ({
      _id: id,
      userId,
      workspaceId,
      position: toPosition(at(minute), id),
      state: "unread" as const,
      createdAt: at(minute),
      frame: new Binary(),
      ...more,
    });
    await insertInboxItems(parts.store, [
      item("1", "ada", "w", 1),
      item("2", "ada", "w", 2),
      item("3", "ada", "w", 2),
      item("4", "bob", "w", 3),
      item("5", "ada", "v", 4),
      item("6", "ada", "w", 5, { expireAt: at(6) }),
    ]);
    await insertInboxItems(parts.store, [item("1", "ada", "w", 9)]);
    const mine = { workspaceId: "w", userId: "ada", now: at(10) };
    const first = await listInbox(parts.store, { ...mine, limit: 2, includeArchived: false });
    expect(first.map(({ _id }) => _id)).toEqual(["3", "2"]);
    const rest = await listInbox(parts.store, {
      ...mine,
      limit: 2,
      includeArchived: false,
      before: toPosition(at(2), "2"),
    });
    expect(rest.map(({ _id }) => _id)).toEqual(["1"]);
    expect(await countUnread(parts.store, mine)).toBe(3);
    const mark = { workspaceId: "w", userId: "ada", ids: ["2", "4", "5"], at: at(10) };
    await markInbox(parts.store, { ...mark, mark: "read" });
    await markInbox(parts.store, { ...mark, mark: "read" });
    expect(await parts.store.inbox.countDocuments({ state: "read" })).toBe(1);
    await markInbox(parts.store, { ...mark, ids: ["3"], mark: "archived" });
    expect(await countUnread(parts.store, mine)).toBe(1);
    expect((await listInbox(parts.store, { ...mine, limit: 9, includeArchived: false })).map(({ _id }) => _id)).toEqual(
      ["2", "1"],
    );
    expect((await listInbox(parts.store, { ...mine, limit: 9, includeArchived: true })).map(({ _id }) => _id)).toEqual([
      "3",
      "2",
      "1",
    ]);
  });
});

describe("every hot query", () => {
  it("goes by an index", async () => {
    await using parts = await startParts();
    const { store } = parts;
    const now = new Date();
    const range = { $gte: "0", $lt: "1" };
    const queries = {
      "by id": store.interventions.find({ _id: { $in: ["a", "b"] } }),
      "list of a workspace": store.interventions.find({ workspaceId: "w", position: range }).sort({ position: -1 }),
      "list of a user": store.interventions
        .find({ workspaceId: "w", userId: "ada", position: range })
        .sort({ position: -1 }),
      "rounds of an intervention": store.decisions.find({ _id: { $in: ["a/0", "a/1"] } }),
      "sends of a user": store.decisions.find({
        workspaceId: "w",
        userId: "ada",
        outcome: "send",
        decidedAt: { $gt: now },
      }),
      "last cap number": store.decisions.find({ capSlot: { $gte: "w/ada/", $lt: "w/ada/:" } }),
      "delays due": store.decisions.find({ workspaceId: "w", outcome: "delay", notBefore: { $gte: now, $lte: now } }),
      "events that happen once": store.events.find({ _id: { $in: ["a:sent", "a:delivered"] } }),
      "events that happen again": store.events.find({ again: { $in: ["a", "b"] } }),
      inbox: store.inbox.find({ workspaceId: "w", userId: "ada" }).sort({ position: -1 }),
      "inbox, further back": store.inbox
        .find({ workspaceId: "w", userId: "ada", position: { $lt: "1" } })
        .sort({ position: -1 }),
      "choices of a time": store.decisions.find({ workspaceId: "w", chosenAt: { $gte: now, $lt: now } }),
      "what was learnt since": store.choiceBuckets.find({ updatedAt: { $gte: now } }),
      "fallbacks that are due": store.decisions
        .find({ workspaceId: "w", fallbackAt: { $gte: now, $lte: now } })
        .sort({ fallbackAt: 1 }),
      "newer predictions of a user": store.predictions.find({
        ...{ workspaceId: "w", userId: "ada", kind: 1 },
        predictedAt: { $gt: now },
      }),
      "predictions of a time": store.predictions.find({
        workspaceId: "w",
        kind: 1,
        predictedAt: { $gte: now, $lt: now },
      }),
      "outcomes of a model": store.predictionOutcomes.find({
        ...{ workspaceId: "w", kind: 1, model: "m" },
        predictedAt: { $gte: now, $lt: now },
      }),
      "campaigns of a workspace": store.campaigns.find({ workspaceId: "w", position: { $lt: ":" } }),
      "campaigns that have changed": store.campaigns.find({ updatedAt: { $gte: now } }),
      "entries into campaigns": store.entries.find({ _id: { $in: ["w/c/ada"] } }),
    };
    for (const [name, cursor] of Object.entries(queries)) {
      const plan = JSON.stringify(await cursor.explain("queryPlanner"));
      expect(plan, name).not.toContain("COLLSCAN");
      expect(plan, name).toMatch(/IXSCAN|IDHACK|CLUSTERED_IXSCAN/);
    }
  });
});

describe("list of interventions", () => {
  it("pages back through quiet and busy times without losing or repeating one", async () => {
    await using parts = await startParts();
    const start = Date.UTC(2026, 0, 1);
    const times = [
      ...Array.from({ length: 60 }, (_, i) => start + i),
      ...Array.from({ length: 10 }, (_, i) => start + 3_600_000 * (i + 1)),
      start + 86_400_000 * 30,
    ];
    await parts.store.interventions.insertMany(
      times.map((time, i) => ({
        _id: `i${i}`,
        workspaceId: "w",
        userId: i % 3 === 0 ? "ada" : "bob",
        position: toPosition(new Date(time), `i${i}`),
        acceptedAt: new Date(time),
        bodyHash: new Binary(),
        message: new Binary(),
      })),
    );
    const now = new Date(start + 86_400_000 * 31);
    const seen: string[] = [];
    for (let before: string | undefined; ; ) {
      const page = await listInterventions(parts.store, {
        workspaceId: "w",
        now,
        since: new Date(start),
        limit: 7,
        ...(before === undefined ? {} : { before }),
      });
      seen.push(...page.map(({ _id }) => _id));
      before = page.at(-1)?.position;
      if (page.length < 7) break;
    }
    expect(seen).toEqual(times.map((_, i) => `i${i}`).reverse());
    const adas = await listInterventions(parts.store, {
      workspaceId: "w",
      userId: "ada",
      now,
      since: new Date(start),
      limit: 100,
    });
    expect(adas).toHaveLength(24);
  });
});

describe("lease", () => {
  it("is one holder's at a time, stays his while he renews it, and passes on when it has run out", async () => {
    await using parts = await startParts();
    const claim = (holder: string, second: number) =>
      claimLease(parts.store, "walk", {
        holder,
        now: new Date(second * 1_000),
        until: new Date((second + 10) * 1_000),
      });
    expect([
      await claim("a", 0),
      await claim("b", 5),
      await claim("a", 8),
      await claim("b", 15),
      await claim("b", 19),
      await claim("a", 20),
    ]).toEqual([true, false, true, false, true, false]);
    const raced = await Promise.all(Array.from({ length: 20 }, (_, i) => claim(`r${i}`, 100)));
    expect(raced.filter((won) => won)).toHaveLength(1);
  });
});
