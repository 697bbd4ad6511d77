import { create } from "@bufbuild/protobuf";
import { timestampFromMs, type Value, ValueSchema } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { type Collection, type Db, MongoClient } from "mongodb";
import { Condition_ComparisonSchema, Operator } from "../gen/intervention/v1/condition_pb.js";
import { EventService } from "../gen/intervention/v1/event_service_pb.js";
import {
  type SegmentRule,
  SegmentRule_DidSchema,
  SegmentRule_ListSchema,
  SegmentRuleSchema,
} from "../gen/intervention/v1/segment_pb.js";
import { SegmentService } from "../gen/intervention/v1/segment_service_pb.js";
import { ShopEventKind } from "../gen/intervention/v1/shopper_pb.js";
import { toFactKeys } from "../src/domain/segment/index.ts";
import type { Engine } from "../src/start/index.ts";
import { profileId, type ShopperDocument, toPlace } from "../src/store/index.ts";
import { startBenchEngine } from "./bench-engine.ts";
import { toTransport } from "./call-engine.ts";
import { type Closing, closing } from "./closing.ts";
import { cpuBetween, readFigures } from "./process-figures.ts";
import { untilStill } from "./until-still.ts";

export type SegmentsOptions = {
  readonly profiles: number;
  readonly events: number;
  readonly say: (line: string) => void;
};

const insertMax = 5_000;
const stillMsMax = 60_000;
const previews = 7;
const countries = 20;
const tiers = 100;

/** Counts shoppers by rules of several kinds, and follows who is in ten segments while events come in. */
export function benchSegments(options: SegmentsOptions) {
  return closing((scope) => measure(options, scope));
}

async function measure({ profiles, events, say }: SegmentsOptions, { own }: Closing) {
  say("Starting the engine.");
  const engine = own(await startBenchEngine());
  const db = own(await openDb(engine));
  const workspaceId = engine.config.WORKSPACE;
  say(`Keeping ${profiles} shoppers.`);
  await fill(db.of<ShopperDocument>("shoppers"), workspaceId, profiles);
  // They are all there: nobody needs to be gathered.
  await db.of<{ _id: string; at: Date }>("checkpoints").insertOne({ _id: `shoppers/${workspaceId}`, at: new Date() });
  const client = createClient(SegmentService, toTransport(engine));

  say("Counting.");
  const preview = async (rule: SegmentRule) => {
    const timesMs: number[] = [];
    let counted = 0;
    for (let n = 0; n < previews; n += 1) {
      const startMs = performance.now();
      counted = Number((await client.previewSegment({ rule, sampleSize: 10 })).count);
      timesMs.push(performance.now() - startMs);
    }
    return { counted, ms: Math.round(timesMs.sort((a, b) => a - b)[Math.floor(previews / 2)] ?? 0) };
  };
  const is = (name: string, value: string) =>
    comparison(`profile.attributes.${name}`, Operator.EQUAL, { case: "stringValue", value });
  const rare = await preview(is("tier", "t7"));
  const common = await preview(is("country", "c7"));
  const mixed = await preview(
    all([is("tier", "t7"), comparison("orders.count", Operator.GREATER_OR_EQUAL, { case: "numberValue", value: 5 })]),
  );
  const scanned = await preview(
    comparison("orders.count", Operator.GREATER_OR_EQUAL, { case: "numberValue", value: 9 }),
  );

  say("Making ten segments; everybody is looked at once.");
  const beforeReview = readFigures(engine);
  const startMs = performance.now();
  for (let n = 0; n < 10; n += 1) {
    const asked = all([
      comparison("orders.count", Operator.GREATER_OR_EQUAL, { case: "numberValue", value: n }),
      viewed(n + 1),
    ]);
    await client.createSegment({ segmentId: `s${n}`, segment: { displayName: `S ${n}`, rule: asked } });
  }
  const unreviewed = async () => {
    const { userIds } = await client.listMembers({ name: "all", pageSize: 1 });
    return userIds.length === 0 ? 1 : 0;
  };
  await client.createSegment({
    segmentId: "all",
    segment: {
      displayName: "All",
      rule: comparison("orders.count", Operator.GREATER_OR_EQUAL, { case: "numberValue", value: 0 }),
    },
  });
  await untilStill({ left: unreviewed, stillMsMax, pollMs: 500 });
  const members = async () => profiles - (await db.of("shoppers").countDocuments({ workspaceId, keys: "member=all" }));
  await untilStill({ left: members, stillMsMax, pollMs: 2_000 });
  const reviewS = (performance.now() - startMs) / 1_000;
  const afterReview = readFigures(engine);

  say(`Following ${events} events.`);
  const eventClient = createClient(EventService, toTransport(engine));
  const at = Date.now();
  for (let from = 0; from < events; from += 1_000)
    await eventClient.ingestBatch({
      events: Array.from({ length: Math.min(1_000, events - from) }, (_, n) => ({
        ...{ eventId: `e${from + n}`, userId: `u${from + n}`, kind: ShopEventKind.PAGE_VIEWED, page: "/" },
        occurTime: timestampFromMs(at),
      })),
    });
  const unfollowed = async () => {
    const known = await db.of("shop_events").estimatedDocumentCount();
    return events - known + (await db.of("shopper_changes").estimatedDocumentCount());
  };
  await untilStill({ left: unfollowed, stillMsMax, pollMs: 200 });
  const cpu = cpuBetween(afterReview, readFigures(engine));
  const { secantusd = 0, "nats-server": nats = 0, ...ours } = cpu;
  const oursS = Object.values(ours).reduce((total, value) => total + value, 0);
  return {
    profiles,
    preview_rare: rare,
    preview_common: common,
    preview_mixed: mixed,
    preview_scanned: scanned,
    review_s: Math.round(reviewS * 10) / 10,
    review_cpu_by: cpuBetween(beforeReview, afterReview),
    events,
    event_cpu_ms: Math.round((oursS / events) * 1e6) / 1e3,
    event_cpu_by: cpu,
    servers_cpu_s: Math.round((secantusd + nats) * 100) / 100,
  };
}

const rule = (asked: SegmentRule["rule"]): SegmentRule => create(SegmentRuleSchema, { rule: asked });
const comparison = (field: string, operator: Operator, kind: Value["kind"]) =>
  rule({
    case: "comparison",
    value: create(Condition_ComparisonSchema, { field, operator, value: create(ValueSchema, { kind }) }),
  });
const all = (rules: SegmentRule[]) => rule({ case: "all", value: create(SegmentRule_ListSchema, { rules }) });
const viewed = (atLeast: number) =>
  rule({
    case: "did",
    value: create(SegmentRule_DidSchema, { kind: ShopEventKind.PAGE_VIEWED, atLeast, withinDays: 30 }),
  });

/** As the engine keeps shoppers: one of a hundred is of a tier, one of twenty of a country. */
async function fill(shoppers: Collection<ShopperDocument>, workspaceId: string, profiles: number): Promise<void> {
  for (let from = 0; from < profiles; from += insertMax)
    await shoppers.insertMany(
      Array.from({ length: Math.min(insertMax, profiles - from) }, (_, n) => toShopper(workspaceId, from + n)),
      { ordered: false },
    );
}

function toShopper(workspaceId: string, n: number): ShopperDocument {
  const userId = `u${n}`;
  const known = {
    facts: [
      { path: "profile.attributes.country", text: `c${n % countries}` },
      { path: "profile.attributes.tier", text: `t${n % tiers}` },
      { path: "orders.count", number: n % 10 },
      { path: "orders.last_time", time: Date.now() - (n % 300) * 86_400_000 },
    ],
    activity: [],
    foresight: [],
    lists: [],
  };
  return {
    ...{ _id: profileId(workspaceId, userId), workspaceId, userId, place: toPlace(userId), revision: 1 },
    ...{ ...known, keys: toFactKeys(known), memberships: [] },
  };
}

async function openDb(engine: Engine): Promise<AsyncDisposable & { readonly of: Db["collection"] }> {
  const client = new MongoClient(engine.servers.mongodbUrl);
  await client.connect();
  const db = client.db(engine.config.MONGODB_DATABASE);
  return { of: db.collection.bind(db), [Symbol.asyncDispose]: () => client.close() };
}
