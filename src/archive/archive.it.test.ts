import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import { startCallers } from "../api/testing/start-callers.ts";
import { toErasureId } from "../privacy/certificate.ts";
import { sweepRetention } from "../privacy/sweep-retention.ts";
import { fillCollections } from "../privacy/testing/fill-user.ts";
import { rollUp } from "../roles/rollup.ts";
import {
  type EventDocument,
  insertEvents,
  requestErasure,
  type Store,
  setRetention,
  toEventDocument,
  toStored,
} from "../store/index.ts";
import { listParts, toManifestPath, toPartPath } from "./part-files.ts";
import { readPart } from "./read-part.ts";
import { restorePart, verifyPart } from "./restore-part.ts";

const DAY_MS = 86_400_000;
const TODAY_MS = Math.floor(Date.now() / DAY_MS) * DAY_MS;
const workspace = { id: "main", createdAt: new Date(TODAY_MS - 33 * DAY_MS) };
const OF = { workspaceId: "main", collection: "events" } as const;

/** Calls of the file system and the store count down here, and the one that finds 1 fails: the process is as good as killed there. */
const failing = vi.hoisted(() => ({ left: 0, calls: 0 }));
vi.mock("node:fs/promises", async (importOriginal) => {
  const original = await importOriginal<typeof import("node:fs/promises")>();
  const counted =
    (run: (...args: never[]) => Promise<unknown>) =>
    (...args: never[]) => {
      failing.calls += 1;
      failing.left -= 1;
      if (failing.left === 0) throw new Error("killed");
      return run(...args);
    };
  return {
    ...original,
    ...Object.fromEntries(
      (["link", "rename", "open", "rm"] as const).map((name) => [name, counted(original[name] as never)]),
    ),
  };
});

/** A store whose removals can fail, before they have removed anything. */
function withFailingRemovals(store: Store): Store {
  const events = new Proxy(store.events, {
    get(target, name) {
      const value = Reflect.get(target, name);
      if (name !== "deleteMany") return typeof value === "function" ? value.bind(target) : value;
      return (...args: Parameters<typeof target.deleteMany>) => {
        failing.calls += 1;
        failing.left -= 1;
        if (failing.left === 0) throw new Error("killed");
        return target.deleteMany(...args);
      };
    },
  });
  return { ...store, events };
}

/** Sixty clicks every six hours on two days, long ago, and one today. */
function makeEvents(userId = "ada"): EventDocument[] {
  const times = [30, 31].flatMap((days) =>
    Array.from({ length: 4 * 60 }, (_, i) => TODAY_MS - days * DAY_MS + (i % 4) * 21_600_000 + i + 7),
  );
  return [...times, TODAY_MS + 5].map((ms, i) => {
    const event = create(EventSchema, {
      ...{ eventId: `iv:clicked:${userId}-${i}`, kind: EventKind.CLICKED, workspace: "main", interventionId: "iv" },
      ...{ userId, campaign: "spring", occurTime: timestampFromMs(ms), receiveTime: timestampFromMs(ms + 50) },
    });
    return toStored(toEventDocument(event, new Date()));
  });
}

describe("the archive", () => {
  let dir = "";
  let api: Awaited<ReturnType<typeof startCallers>>;
  const made = makeEvents();
  const old = made.slice(0, -1);
  const sweep = (store: Store = api.store) => sweepRetention({ store, archiveDir: dir }, workspace, new Date());
  const ids = (events: readonly { readonly _id: string }[]) => events.map(({ _id }) => _id).sort();
  const reckonAll = async (now = new Date()) => {
    while ((await rollUp({ store: api.store, now: () => now }, "main")) > 0);
  };
  const readAll = async () => {
    const found: EventDocument[] = [];
    for (const part of await listParts(dir, OF))
      for await (const some of readPart(toPartPath(dir, part), 1_000)) found.push(...some);
    return found;
  };
  const readFigures = async () =>
    (await api.store.rollups.find({ _id: /day/ }).toArray()).sort((a, b) => (a._id < b._id ? -1 : 1));
  const pathsOfAll = async () => (await listParts(dir, OF)).map((part) => toPartPath(dir, part));

  beforeEach(async () => {
    failing.left = 0;
    dir = await mkdtemp(join(tmpdir(), "archive-"));
    api = await startCallers("intervention.v1.AnalyticsService");
    await insertEvents(api.store, made);
    await setRetention(api.store, { workspaceId: "main", kind: "events", days: 10 });
  });
  afterEach(async () => {
    failing.left = 0;
    await rm(dir, { recursive: true });
    await api[Symbol.asyncDispose]();
  });

  it("has what retention removes, by day and with a manifest, and nothing goes before its figures are reckoned", async () => {
    expect(await sweep()).toBe(0);
    await reckonAll();
    const figures = await readFigures();
    expect(await sweep()).toBe(old.length);
    expect(ids(await api.store.events.find().toArray())).toEqual(ids(made.slice(-1)));
    const parts = await listParts(dir, OF);
    expect(parts.map(({ day, part }) => [day, part])).toEqual(
      [31, 30].map((days) => [new Date(TODAY_MS - days * DAY_MS).toISOString().slice(0, 10), 1]),
    );
    expect(await verifyPart(toPartPath(dir, parts[0] ?? { ...OF, day: "", part: 0 }))).toMatchObject({
      ...{ format: 1, workspace: "main", collection: "events", events: 240, part: 1 },
      firstTime: new Date(TODAY_MS - 31 * DAY_MS + 7).toISOString(),
    });
    expect(new Map((await readAll()).map((one) => [one._id, one]))).toEqual(new Map(old.map((one) => [one._id, one])));
    expect(await sweep()).toBe(0);
    expect(await readFigures()).toEqual(figures);
  });

  it("leaves figures as they are, though what they were reckoned from is gone, and though late ones come", async () => {
    await reckonAll();
    const figures = await readFigures();
    await sweep();
    const interval = {
      startTime: { seconds: (TODAY_MS - 31 * DAY_MS) / 1_000 },
      endTime: { seconds: (TODAY_MS - 30 * DAY_MS) / 1_000 },
    };
    expect((await api.call("VerifyFigures", { interval })).body).toMatchObject({ differences: [] });
    const late = { ...made[0], _id: "iv:clicked:late" } as EventDocument;
    await insertEvents(api.store, [late]);
    await reckonAll();
    expect(await readFigures()).toEqual(figures);
  });

  it("gives a day that comes late a further part", async () => {
    await reckonAll();
    await sweep();
    await insertEvents(api.store, [{ ...made[0], _id: "iv:clicked:late" } as EventDocument]);
    await reckonAll();
    const tomorrow = new Date(Date.now() + DAY_MS);
    expect(await sweepRetention({ store: api.store, archiveDir: dir }, workspace, tomorrow)).toBe(1);
    expect((await listParts(dir, OF)).map(({ part }) => part)).toEqual([1, 1, 2]);
    expect(ids(await readAll())).toEqual(ids([...old, { _id: "iv:clicked:late" }]));
  });

  it("has each event once when two sweep at the same time, as they may when one has lost its lease", async () => {
    await reckonAll();
    const removed = await Promise.allSettled([sweep(), sweep(), sweep()]);
    expect(removed.some(({ status }) => status === "fulfilled")).toBe(true);
    await sweep();
    expect(ids(await readAll())).toEqual(ids(old));
    expect(ids(await api.store.events.find().toArray())).toEqual(ids(made.slice(-1)));
  });

  it("has what goes with its intervention, by the days it happened on, and orders beside it", async () => {
    const acceptedAt = new Date(TODAY_MS - 31 * DAY_MS);
    await fillCollections(api, { workspaceId: "main", userId: "eve", marker: "umbrella", acceptedAt });
    await reckonAll();
    await setRetention(api.store, { workspaceId: "main", kind: "events", days: 0 });
    await setRetention(api.store, { workspaceId: "main", kind: "interventions", days: 10 });
    const own = await api.store.events.find({ userId: "eve" }).toArray();
    expect(own).toHaveLength(9);
    await sweep();
    expect(await api.store.interventions.countDocuments()).toBe(0);
    expect(ids(await readAll())).toEqual(ids(own));
    expect((await listParts(dir, OF)).map(({ day }) => day)).toEqual([acceptedAt.toISOString().slice(0, 10)]);
    // The order was placed today.
    await setRetention(api.store, { workspaceId: "main", kind: "order_events", days: 1 });
    const later = new Date(Date.now() + 2 * DAY_MS);
    await reckonAll(later);
    await sweepRetention({ store: api.store, archiveDir: dir }, workspace, later);
    expect(await api.store.orderEvents.countDocuments()).toBe(0);
    const [order] = await listParts(dir, { workspaceId: "main", collection: "order_events" });
    expect(await verifyPart(toPartPath(dir, order ?? { ...OF, day: "", part: 0 }))).toMatchObject({ events: 1 });
  });

  it("comes back, each event once and without who was erased, and figures stay", async () => {
    const bob = makeEvents("bob").slice(0, 10);
    await insertEvents(api.store, bob);
    await reckonAll();
    await sweep();
    const figures = await readFigures();
    const found = await api.store.workspaces.findOne({ _id: "main" });
    const id = toErasureId({ idSecret: found?.idSecret.value() ?? new Uint8Array() }, "bob");
    await requestErasure(api.store, { id, workspaceId: "main", userId: "bob", now: new Date() });
    const restored = [];
    for (const path of [...(await pathsOfAll()), ...(await pathsOfAll())])
      restored.push(await restorePart(api.store, path));
    expect(restored).toEqual([
      { restored: 240, wereThere: 0, erased: 0 },
      { restored: 240, wereThere: 0, erased: 10 },
      { restored: 0, wereThere: 240, erased: 0 },
      { restored: 0, wereThere: 240, erased: 10 },
    ]);
    expect(ids(await api.store.events.find().toArray())).toEqual(ids(made));
    expect(await api.store.events.findOne({ _id: made[3]?._id ?? "" })).toEqual(made[3]);
    await reckonAll();
    expect(await readFigures()).toEqual(figures);
  });

  it("brings nothing back of a file that is damaged, cut off, or not what its manifest says", async () => {
    await reckonAll();
    await sweep();
    const [path = ""] = await pathsOfAll();
    const [bytes, manifest] = [await readFile(path), await readFile(toManifestPath(path), "utf8")];
    await writeFile(path, bytes.subarray(0, bytes.length - 20));
    await expect(restorePart(api.store, path)).rejects.toThrow(/is damaged: unexpected end of file/);
    await writeFile(path, bytes);
    await writeFile(toManifestPath(path), manifest.replace(/"sha256": "../, '"sha256": "zz'));
    await expect(restorePart(api.store, path)).rejects.toThrow(/its sha256 is .* by its manifest/);
    await rm(toManifestPath(path));
    await expect(restorePart(api.store, path)).rejects.toThrow(/it is no manifest: ENOENT/);
    expect(await api.store.events.countDocuments()).toBe(1);
  });

  it("loses nothing and has nothing twice wherever it is killed", async () => {
    const store = withFailingRemovals(api.store);
    await reckonAll();
    const [name] = [`retention/main/events`];
    let kills = 0;
    for (let n = 1; ; n += 1) {
      await rm(dir, { recursive: true, force: true });
      await api.store.events.deleteMany({});
      await api.store.events.insertMany([...made]);
      await api.store.checkpoints.deleteOne({ _id: name });
      failing.left = n;
      const killed = await sweep(store).then(
        () => false,
        () => true,
      );
      failing.left = 0;
      await sweep(store);
      const [archived, left] = [ids(await readAll()), ids(await api.store.events.find().toArray())];
      expect({ archived, left }, `killed at call ${n}`).toEqual({ archived: ids(old), left: ids(made.slice(-1)) });
      for (const path of await pathsOfAll()) await verifyPart(path);
      if (!killed) break;
      kills += 1;
    }
    expect(kills).toBeGreaterThan(10);
  }, 120_000);
});
