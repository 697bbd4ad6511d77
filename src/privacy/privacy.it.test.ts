import { createPublicKey, verify } from "node:crypto";
import { type CallOptions, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { strFromU8, unzipSync } from "fflate";
import { BSON, type Document } from "mongodb";
import { describe, expect, it } from "vitest";
import { PrivacyService } from "../../gen/intervention/v1/privacy_service_pb.js";
import { ProfileService } from "../../gen/intervention/v1/profile_service_pb.js";
import { startApi } from "../api/testing/start-api.ts";
import { type Bus, readBatch, type StreamName } from "../bus/index.ts";
import { rollUp } from "../roles/rollup.ts";
import { listRetention, type Store } from "../store/index.ts";
import { bearer } from "../testing/bearer.ts";
import { until } from "../testing/until.ts";
import { COLLECTIONS } from "./collections.ts";
import { ErasedUsers } from "./erased-users.ts";
import { STREAMS } from "./streams.ts";
import { sweepRetention } from "./sweep-retention.ts";
import { tendPrivacy } from "./tend-privacy.ts";
import { fillCollections, fillStreams } from "./testing/fill-user.ts";

const ADA = { workspaceId: "main", userId: "ada-4711 ☂", marker: "umbrella" };
const BOB = { workspaceId: "main", userId: "bob-4712", marker: "bicycle" };
const NAMESAKE = { workspaceId: "other", userId: ADA.userId, marker: "windmill" };
const STREAM_NAMES = Object.keys(STREAMS) as StreamName[];

async function startAll() {
  const api = await startApi();
  const tend = tendPrivacy({ ...api, trim: async () => undefined, settleMs: 0 }, "test");
  const clientOf = (key: string) =>
    createClient(
      PrivacyService,
      createGrpcTransport({
        baseUrl: api.url,
        interceptors: [bearer(key)],
      }),
    );
  const privacy = clientOf(api.apiKey);
  return {
    ...{ api, tend, privacy, others: clientOf(api.otherApiKey) },
    async fill() {
      // The namesake's interventions have ids of their own.
      for (const user of [ADA, BOB]) await fillCollections(api, user);
      await fillStreams(api, [ADA, BOB]);
      await fillStreams(api, [NAMESAKE]);
    },
    async erase(userId: string) {
      const { erasure } = await privacy.eraseUser({ userId });
      return until(async () => {
        await tend();
        const now = (await privacy.getErasure({ erasureId: erasure?.erasureId ?? "" })).erasure;
        return now?.isDone === true ? now : undefined;
      }, "the erasure");
    },
    [Symbol.asyncDispose]: () => api[Symbol.asyncDispose](),
  };
}

/** Every document of every collection, and every message of every stream, as bytes: nothing is decoded. */
async function readEverything({ store, bus }: { readonly store: Store; readonly bus: Bus }) {
  const all: { readonly where: string; readonly bytes: Buffer }[] = [];
  for (const { name } of await store.db.listCollections().toArray())
    for (const document of await store.db.collection<Document>(name).find().toArray())
      all.push({ where: name, bytes: Buffer.from(BSON.serialize(document)) });
  for (const name of STREAM_NAMES) {
    const found = await readBatch(bus, { stream: bus.subjects.stream(name), subject: ">", from: 1, limit: 1_000 });
    for (const { subject, data, header } of found) {
      const headers = [...(header ?? [])].flat(2).join("\n");
      all.push({ where: name, bytes: Buffer.concat([Buffer.from(`${subject}\n${headers}\n`), data]) });
    }
  }
  return {
    whereIs: (text: string) =>
      new Set(
        all
          .filter(({ bytes }) => bytes.includes(text) || bytes.includes(Buffer.from(text).toString("base64url")))
          .map(({ where }) => where),
      ),
  };
}

/** How much of a user each stream and collection has, by what the export says. */
async function countsOf(all: Awaited<ReturnType<typeof startAll>>, userId: string, options?: CallOptions) {
  const pieces: Uint8Array[] = [];
  for await (const { data } of all.privacy.exportUser({ userId }, options)) pieces.push(data);
  const files = unzipSync(Buffer.concat(pieces));
  const manifest = JSON.parse(strFromU8(files["manifest.json"] ?? new Uint8Array())) as {
    lines: Record<string, number>;
  };
  return { files, lines: manifest.lines };
}

describe("the registry", () => {
  it("has a line for every collection there is, and for every stream", async () => {
    await using all = await startAll();
    await all.fill();
    const { store, bus } = all.api;
    const inStore = Object.values(store).flatMap((part) =>
      typeof part === "object" && "collectionName" in part ? [part.collectionName] : [],
    );
    const inDatabase = (await store.db.listCollections().toArray()).map(({ name }) => name);
    for (const name of [...inStore, ...inDatabase]) expect(COLLECTIONS, name).toHaveProperty([name]);
    const prefix = bus.subjects.stream("DEAD").replace(/DEAD$/, "");
    for await (const { config } of bus.jsm.streams.list())
      if (config.name.startsWith(prefix))
        expect(STREAMS, config.name).toHaveProperty([config.name.slice(prefix.length)]);
  });

  it("is complete: the test data is in every collection and stream that knows users", async () => {
    await using all = await startAll();
    await all.fill();
    const { lines } = await countsOf(all, ADA.userId);
    const personal = Object.entries(COLLECTIONS).filter(([, entry]) => "pages" in entry);
    expect(new Set(Object.keys(lines))).toEqual(
      new Set([
        ...personal.map(([name]) => `collections/${name}.ndjson`),
        ...STREAM_NAMES.map((name) => `streams/${name}.ndjson`),
      ]),
    );
  });
});

describe("an export", () => {
  it("has everything about the user, readable, and nothing about anybody else", async () => {
    await using all = await startAll();
    await all.fill();
    const { files } = await countsOf(all, ADA.userId);
    const text = Object.values(files)
      .map((file) => strFromU8(file))
      .join("\n");
    expect(text).toContain(ADA.marker);
    for (const other of [BOB.userId, BOB.marker, NAMESAKE.marker]) expect(text).not.toContain(other);
    const ledger = strFromU8(files["collections/interventions.ndjson"] ?? new Uint8Array())
      .trim()
      .split("\n");
    expect(ledger).toHaveLength(3);
    expect(JSON.parse(ledger[0] ?? "")).toMatchObject({
      message: { content: { title: ADA.marker }, recipient: { userId: ADA.userId } },
    });
    expect(Object.keys((await countsOf(all, "nobody")).lines)).toEqual([]);
  });
});

describe("an erasure", () => {
  it("leaves nothing of the user anywhere, and everything of everybody else", async () => {
    await using all = await startAll();
    await all.fill();
    const before = await readEverything(all.api);
    for (const name of [...STREAM_NAMES, "interventions", "decisions", "events", "inbox"])
      expect(before.whereIs(ADA.userId), name).toContain(name);
    const bobs = (await countsOf(all, BOB.userId)).lines;
    const erasure = await all.erase(ADA.userId);
    const after = await readEverything(all.api);
    expect([...after.whereIs(ADA.marker)]).toEqual([]);
    // The namesake in another workspace is another person.
    expect(after.whereIs(NAMESAKE.marker)).toEqual(before.whereIs(NAMESAKE.marker));
    expect((await countsOf(all, ADA.userId)).lines).toEqual({});
    expect((await countsOf(all, BOB.userId)).lines).toEqual(bobs);
    const counts = Object.fromEntries(
      erasure.counts.map(({ part, name, erased }) => [`${part}/${name}`, Number(erased)]),
    );
    expect(counts).toEqual({
      ...{ "collection/interventions": 3, "collection/decisions": 30, "collection/events": 9, "collection/inbox": 3 },
      ...{
        ...{ "collection/attempts": 3, "collection/attempt_results": 3, "collection/outbox": 3 },
        "collection/webhook_deliveries": 1,
        "stream/INTERVENTIONS": 3,
        "stream/TRACKING": 3,
        "stream/EVENTS_OUT": 3,
      },
      ...{ "collection/profiles": 1, "collection/profile_merges": 2, "collection/consents": 1 },
      "collection/consent_requests": 1,
      ...{ "collection/predictions": 1, "collection/prediction_outcomes": 1, "stream/PREDICTIONS": 1 },
      ...{
        "collection/campaign_entries": 1,
        "collection/subscriptions": 1,
        "collection/exposures": 1,
        "collection/shop_events": 1,
        "collection/cart_watches": 1,
        "collection/conversions": 1,
        "collection/order_events": 1,
        "collection/digest_items": 1,
        "collection/digest_windows": 1,
        "collection/travellers": 1,
        "collection/contests": 1,
        "collection/shopper_changes": 1,
        "collection/shoppers": 1,
        "stream/EVENTS": 2,
      },
      ...{ "stream/REALTIME": 1, "stream/DELAYED": 6, "stream/DISPATCH": 3, "stream/DEAD": 4 },
    });
  });

  it("forgets the user's id itself where nobody else has it", async () => {
    await using all = await startAll();
    await fillCollections(all.api, ADA);
    await fillStreams(all.api, [ADA, BOB]);
    await all.erase(ADA.userId);
    expect([...(await readEverything(all.api)).whereIs(ADA.userId)]).toEqual([]);
  });

  it("ends with a certificate that anybody can check, and that names nobody", async () => {
    await using all = await startAll();
    await all.fill();
    const { certificate, erasureId } = await all.erase(ADA.userId);
    const {
      statement = new Uint8Array(),
      signature = new Uint8Array(),
      publicKey = new Uint8Array(),
    } = certificate ?? {};
    const key = createPublicKey({
      format: "jwk",
      key: { kty: "OKP", crv: "Ed25519", x: Buffer.from(publicKey).toString("base64url") },
    });
    expect(verify(null, statement, key, signature)).toBe(true);
    expect(verify(null, Buffer.concat([statement, Buffer.from(" ")]), key, signature)).toBe(false);
    const said = Buffer.from(statement).toString("utf8");
    expect(JSON.parse(said)).toMatchObject({
      erasure: erasureId,
      workspace: "main",
      erased: { "collection/events": 9 },
    });
    expect(said).not.toContain(ADA.userId);
  });

  it("can be asked for again: nothing new gives the same certificate, something new an extended one", async () => {
    await using all = await startAll();
    await all.fill();
    const first = await all.erase(ADA.userId);
    const second = await all.erase(ADA.userId);
    expect(second.certificate).toEqual(first.certificate);
    await fillStreams(all.api, [ADA]);
    const third = await all.erase(ADA.userId);
    expect(third.certificate?.statement).not.toEqual(first.certificate?.statement);
    expect(third.counts.find(({ name }) => name === "TRACKING")?.erased).toBe(6n);
  });

  it("goes on after it was broken off in the middle", async () => {
    await using all = await startAll();
    await all.fill();
    await all.privacy.eraseUser({ userId: ADA.userId });
    const { bus } = all.api;
    let deletions = 0;
    const streams = Object.create(bus.jsm.streams) as Bus["jsm"]["streams"];
    streams.deleteMessage = (...args) => {
      deletions += 1;
      if (deletions === 3) throw new Error("the process ends here");
      return bus.jsm.streams.deleteMessage(...args);
    };
    const jsm = Object.assign(Object.create(bus.jsm) as Bus["jsm"], { streams });
    const broken = tendPrivacy({ ...all.api, bus: { ...bus, jsm }, trim: async () => undefined, settleMs: 0 }, "test");
    await expect(broken()).rejects.toThrow("the process ends here");
    const bobs = (await countsOf(all, BOB.userId)).lines;
    await all.erase(ADA.userId);
    expect([...(await readEverything(all.api)).whereIs(ADA.marker)]).toEqual([]);
    // What was published again and not removed yet is there twice at most; its ids are the same.
    for (const [name, count] of Object.entries((await countsOf(all, BOB.userId)).lines))
      expect(count, name).toBeLessThanOrEqual(bobs[name] ?? 0);
  });

  it("is nobody else's business", async () => {
    await using all = await startAll();
    const { erasure } = await all.privacy.eraseUser({ userId: ADA.userId });
    await expect(all.others.getErasure({ erasureId: erasure?.erasureId ?? "" })).rejects.toThrow(/not_found/);
    await expect(all.privacy.eraseUser({ userId: "" })).rejects.toThrow(/user_id/);
  });

  it("is of a person: whoever was merged with the user goes too, whichever id is asked for, and comes with the export", async () => {
    await using all = await startAll();
    await all.fill();
    const profiles = createClient(
      ProfileService,
      createGrpcTransport({ baseUrl: all.api.url, interceptors: [bearer(all.api.apiKey)] }),
    );
    await all.api.store.profiles.deleteMany({});
    await all.api.store.profileMerges.deleteMany({});
    for (const userId of [ADA.userId, BOB.userId]) await profiles.upsert({ profile: { userId, locale: "en" } });
    await profiles.merge({ fromUserId: ADA.userId, intoUserId: BOB.userId });
    const { lines, files } = await countsOf(all, ADA.userId);
    expect(lines["collections/interventions.ndjson"]).toBe(6);
    expect(strFromU8(files["collections/interventions.ndjson"] ?? new Uint8Array())).toContain(BOB.marker);
    const { others } = await all.privacy.eraseUser({ userId: ADA.userId });
    expect(others).toHaveLength(1);
    await all.erase(ADA.userId);
    const everything = await readEverything(all.api);
    // Ada has a namesake in another workspace, so that her id is still there.
    for (const text of [ADA.marker, BOB.marker, BOB.userId]) expect([...everything.whereIs(text)], text).toEqual([]);
    const other = await all.privacy.getErasure({ erasureId: others[0]?.erasureId ?? "" });
    expect(other.erasure).toMatchObject({ isDone: true, certificate: { statement: expect.any(Uint8Array) } });
  });

  it("keeps the ledger, by which the rest is found, until nothing of before can be written any more", async () => {
    await using all = await startAll();
    await all.fill();
    await all.privacy.eraseUser({ userId: ADA.userId });
    const hasty = tendPrivacy({ ...all.api, trim: async () => undefined, settleMs: 3_600_000 }, "test");
    for (let round = 0; round < 3; round += 1) await hasty();
    expect((await countsOf(all, ADA.userId)).lines).toEqual({ "collections/interventions.ndjson": 3 });
    const erased = await ErasedUsers.start(all.api);
    const late = { workspace: "main", userId: ADA.userId, interventionId: `iv-${ADA.marker}-0` };
    expect(await erased.keepKnown([late], (one) => one)).toEqual([]);
    erased.stop();
    await all.erase(ADA.userId);
    expect((await countsOf(all, ADA.userId)).lines).toEqual({});
  });

  it("keeps what comes late from coming back, but not who comes back", async () => {
    await using all = await startAll();
    const { api } = all;
    await using erased = Object.assign(await ErasedUsers.start(api), { async [Symbol.asyncDispose]() {} });
    try {
      await all.fill();
      await all.erase(ADA.userId);
      const of = (userId: string, interventionId: string) => ({ workspace: "main", userId, interventionId });
      const late = [of(ADA.userId, `iv-${ADA.marker}-0`), of(BOB.userId, "unknown")];
      const keep = (items: readonly ReturnType<typeof of>[]) => erased.keepKnown(items, (one) => one);
      await until(async () => (await keep(late)).length === 1, "the tombstone to be known");
      expect(await keep(late)).toEqual([of(BOB.userId, "unknown")]);
      await fillCollections(api, ADA);
      expect(await keep(late)).toEqual(late);
    } finally {
      erased.stop();
    }
  });
});

describe("retention", () => {
  const dayAgo = (days: number) => new Date(Date.now() - days * 86_400_000);
  const OLD = { ...ADA, userId: "old", acceptedAt: dayAgo(40) };
  const NEW = { ...BOB, userId: "new", acceptedAt: dayAgo(20) };

  async function startSwept() {
    const all = await startAll();
    for (const user of [OLD, NEW]) await fillCollections(all.api, user);
    // What nobody has counted yet is not removed.
    while ((await rollUp({ store: all.api.store, now: () => new Date() }, "main")) > 0);
    const sweep = () => sweepRetention(all.api, { id: "main", createdAt: dayAgo(100) }, new Date());
    const left = async () => [(await countsOf(all, "old")).lines, (await countsOf(all, "new")).lines];
    return { ...all, sweep, left };
  }

  it("keeps everything for ever but the log of webhooks and the outbox, unless it is told otherwise", async () => {
    await using all = await startSwept();
    // An entry of that log, and both users' outboxes.
    expect(await all.sweep()).toBe(1 + 2 * 3);
    const { retentions } = await all.privacy.listRetention({});
    expect(retentions.map(({ kind, days }) => [kind, days])).toEqual([
      ["attempt_results", 0],
      ["attempts", 0],
      ["conversions", 0],
      ["decisions", 0],
      ["events", 0],
      ["inbox", 0],
      ["interventions", 0],
      ["order_events", 0],
      ["outbox", 7],
      ["webhook_deliveries", 30],
    ]);
  });

  it("removes one kind of what is older, and nothing else", async () => {
    await using all = await startSwept();
    await all.privacy.setRetention({ kind: "events", days: 30 });
    await all.sweep();
    const [old, fresh] = await all.left();
    expect(old).toMatchObject({ "collections/interventions.ndjson": 3, "collections/decisions.ndjson": 30 });
    expect(old).not.toHaveProperty(["collections/events.ndjson"]);
    expect(fresh).toHaveProperty(["collections/events.ndjson"], 9);
    expect(await all.sweep()).toBe(0);
  });

  it("removes with interventions all that belongs to them", async () => {
    await using all = await startSwept();
    await all.privacy.setRetention({ kind: "interventions", days: 30 });
    await all.sweep();
    const [old, fresh] = await all.left();
    const ofInterventions = [
      ...["interventions", "decisions", "events", "inbox", "webhook_deliveries"],
      ...["attempts", "attempt_results"],
    ];
    for (const name of ofInterventions) {
      expect(old).not.toHaveProperty([`collections/${name}.ndjson`]);
      expect(fresh).toHaveProperty([`collections/${name}.ndjson`]);
    }
    // What is known of the user is not an intervention's.
    expect(old).toHaveProperty(["collections/profiles.ndjson"], 1);
  });

  it.each([
    ["a kind that is not there", { kind: "cookies", days: 1 }, /kind: it is none of/],
    ["less than nothing", { kind: "events", days: -1 }, /days: -1 is not in/],
    ["what would outlive its interventions", { kind: "events", days: 31 }, /they themselves 30/],
  ])("refuses %s, and changes nothing", async (_, change, why) => {
    await using all = await startAll();
    await all.privacy.setRetention({ kind: "interventions", days: 30 });
    await expect(all.privacy.setRetention(change)).rejects.toThrow(why);
    expect([...(await listRetention(all.api.store, "main"))]).toEqual([["interventions", 30]]);
  });
});
