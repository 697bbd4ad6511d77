import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Event, EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import { Channel } from "../../gen/intervention/v1/intervention_pb.js";
import { startCallers } from "../api/testing/start-callers.ts";
import { toKindName } from "../bus/index.ts";
import { creditAll, insertEvents, type Store, toEventDocument, toOrderKey, toStored } from "../store/index.ts";
import { rollUp } from "./rollup.ts";

const DAY_MS = 86_400_000;
/** A day in the past, so that every slice is over. */
const START_MS = Math.floor(Date.now() / DAY_MS) * DAY_MS - 3 * DAY_MS;
const CAMPAIGNS = ["spring", "autumn", ""] as const;
const CHANNELS = [Channel.REALTIME, Channel.EMAIL] as const;
const INTERVENTIONS = 1_500;
/** Everything begins within so long. */
const HOUR_MS = 3_600_000;

type EventInit = Extract<MessageInitShape<typeof EventSchema>, { $typeName?: never }>;

/** A generator of numbers in [0, 1) that is the same for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const pick = <T>(random: () => number, from: readonly T[]): T => {
  const found = from[Math.floor(random() * from.length)];
  if (found === undefined) throw new Error("nothing to pick from");
  return found;
};

/** The segments of each user: some are in none, and some in two. */
const segmentsOf = (userId: string) => [[], ["loyal"], ["loyal", "new"]][Number(userId.slice(1)) % 3] ?? [];

/** A made-up life of interventions and orders over a day: each event once, in order of time. */
function makeEvents(random: () => number): Event[] {
  const events: Event[] = [];
  for (let n = 0; n < INTERVENTIONS; n += 1) {
    const interventionId = `iv${n}`;
    const [campaign, channel, userId] = [pick(random, CAMPAIGNS), pick(random, CHANNELS), `u${n % 300}`];
    const atMs = START_MS + Math.floor(random() * HOUR_MS);
    const add = (kind: EventKind, laterMs: number, more: EventInit = {}, id = "") =>
      events.push(
        create(EventSchema, {
          eventId: `${interventionId}:${toKindName(kind)}${id}`,
          ...{ kind, workspace: "main", interventionId, userId, campaign, channel, segments: segmentsOf(userId) },
          occurTime: timestampFromMs(atMs + laterMs),
          ...more,
        }),
      );
    add(EventKind.ACCEPTED, 0);
    const isStopped = random() < 0.2;
    add(EventKind.DECIDED, 5, {
      reason: isStopped ? "suppress" : "send",
      rule: isStopped ? "frequency_cap" : "",
      stageMs: 5n,
    });
    if (isStopped) continue;
    add(EventKind.SENT, 6);
    if (random() < 0.3) continue;
    add(EventKind.DISPLAYED, 1_000);
    for (let click = 0; random() < 0.4; click += 1) add(EventKind.CLICKED, 2_000 + click, {}, `:${click}`);
    if (random() > 0.3) continue;
    const [orderId, valueMinor] = [`o${n}`, BigInt(1 + Math.floor(random() * 10_000))];
    const order = {
      interventionId: "",
      campaign: "",
      channel: Channel.UNSPECIFIED,
      orderId,
      currency: "EUR",
      segments: [],
    };
    const eventId = toOrderKey("main", orderId);
    add(EventKind.CONVERTED, 60_000, { ...order, eventId, valueMinor });
    if (random() < 0.2)
      add(EventKind.REFUNDED, 90_000, { ...order, eventId: `${eventId}:r`, valueMinor: valueMinor / 2n + 1n });
  }
  return events;
}

/** Stores events as the recorder does. @param isKilled whether it dies between one step and the next. */
async function record(store: Store, events: readonly Event[], isKilled: boolean): Promise<void> {
  const documents = events.map((event) => toStored(toEventDocument(event, new Date())));
  await insertEvents(store, documents);
  if (!isKilled) await creditAll(store, documents);
}

/** A simple count of the same, from the made-up events alone. */
function recount(events: readonly Event[]) {
  const counts = new Map<string, number>();
  const add = (name: string, by = 1) => counts.set(name, (counts.get(name) ?? 0) + by);
  const [values, refunds] = [new Map<string, number>(), new Map<string, number>()];
  for (const { kind, campaign, orderId, reason, rule, valueMinor } of events) {
    if (kind === EventKind.CONVERTED) values.set(orderId, Number(valueMinor));
    else if (kind === EventKind.REFUNDED) refunds.set(orderId, (refunds.get(orderId) ?? 0) + Number(valueMinor));
    else {
      add(`${campaign}/${kind === EventKind.DECIDED ? `decided_${reason}` : toKindName(kind)}`);
      if (rule !== "") add(`${campaign}/stopped_by_${rule}`);
    }
  }
  const net = [...values].map(([orderId, value]) => value - Math.min(value, refunds.get(orderId) ?? 0));
  return { counts, orders: values.size, revenue: net.reduce((sum, value) => sum + value, 0) };
}

type Row = {
  readonly values?: readonly string[];
  readonly figures: { counts: Record<string, string>; amounts: unknown[] };
};
const at = (ms: number) => ({ seconds: Math.floor(ms / 1_000) });
const interval = (fromMs: number, untilMs: number) => ({ startTime: at(fromMs), endTime: at(untilMs) });

describe("figures", () => {
  let api: Awaited<ReturnType<typeof startCallers>>;
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9));
  const random = seeded(seed);
  const made = makeEvents(random);
  beforeAll(async () => {
    api = await startCallers("intervention.v1.AnalyticsService");
    const { store } = api;
    // Twice, in another order, late, and with a recorder that dies now and then: what was not finished comes again.
    const sent = [...made, ...made.filter(() => random() < 0.3)].map((event) => ({ event, at: random() }));
    const events = sent.sort((a, b) => a.at - b.at).map(({ event }) => event);
    for (let first = 0; first < events.length; first += 400) {
      const batch = events.slice(first, first + 400);
      if (random() < 0.3) await record(store, batch, true);
      await record(store, batch, false);
      if (random() < 0.3) await rollUp({ store, now: () => new Date() }, "main");
    }
    while ((await rollUp({ store, now: () => new Date() }, "main")) > 0);
  }, 120_000);
  afterAll(() => api[Symbol.asyncDispose]());

  it("are what a simple count of the events gives, by campaign and in all, and orders are credited to the cent", async () => {
    const expected = recount(made);
    const whole = interval(START_MS, START_MS + 2 * DAY_MS);
    const { body } = await api.call("GetBreakdown", { interval: whole, by: ["DIMENSION_CAMPAIGN"] });
    const counted = new Map<string, number>();
    let [orders, revenue] = [0, 0];
    for (const { values, figures } of body.rows as Row[]) {
      for (const [name, count] of Object.entries(figures.counts))
        if (name === "converted") orders += Number(count);
        else if (name !== "refunded") counted.set(`${values?.[0]}/${name}`, Number(count));
      for (const amount of figures.amounts as { revenueMinor: string }[]) revenue += Number(amount.revenueMinor);
    }
    expect(Object.fromEntries(counted), `seed ${seed}`).toEqual(Object.fromEntries(expected.counts));
    expect({ orders, revenue }, `seed ${seed}`).toEqual({ orders: expected.orders, revenue: expected.revenue });
  });

  it("by segment are what a simple count of those who were in it gives, orders too, and filter like any", async () => {
    const whole = interval(START_MS, START_MS + 2 * DAY_MS);
    const by = ["DIMENSION_SEGMENT", "DIMENSION_CAMPAIGN"];
    const { body } = await api.call("GetBreakdown", { interval: whole, by });
    const rows = body.rows as Row[];
    for (const segment of ["loyal", "new"]) {
      const own = made.filter(({ userId }) => segmentsOf(userId).includes(segment));
      const expected = recount(own);
      const counted = new Map<string, number>();
      let [orders, revenue] = [0, 0];
      for (const { values, figures } of rows.filter((row) => row.values?.[0] === segment)) {
        for (const [name, count] of Object.entries(figures.counts))
          if (name === "converted") orders += Number(count);
          else counted.set(`${values?.[1]}/${name}`, Number(count));
        for (const amount of figures.amounts as { revenueMinor: string }[]) revenue += Number(amount.revenueMinor);
      }
      expect(Object.fromEntries(counted), `seed ${seed}`).toEqual(Object.fromEntries(expected.counts));
      expect({ orders, revenue }, `seed ${seed}`).toEqual({ orders: expected.orders, revenue: expected.revenue });
      const filters = [{ dimension: "DIMENSION_SEGMENT", values: [segment] }];
      const funnel = await api.call("GetFunnel", { interval: whole, filters });
      const accepted = own.filter(({ kind }) => kind === EventKind.ACCEPTED).length;
      expect((funnel.body.steps as { count: string }[])[0]?.count).toBe(String(accepted));
    }
    expect(new Set(rows.map(({ values }) => values?.[0]))).toEqual(new Set(["loyal", "new"]));
    const byLocale = ["DIMENSION_SEGMENT", "DIMENSION_LOCALE"];
    expect(await api.call("GetBreakdown", { interval: whole, by: byLocale })).toMatchObject({ code: 3 });
  });

  it("of a funnel have the steps and why some went no further", async () => {
    const { counts } = recount(made);
    const sumOf = (name: string) =>
      CAMPAIGNS.reduce((sum, campaign) => sum + (counts.get(`${campaign}/${name}`) ?? 0), 0);
    const { body } = await api.call("GetFunnel", { interval: interval(START_MS, START_MS + 2 * DAY_MS) });
    expect((body.steps as { name: string; count: string }[]).map(({ name, count }) => [name, Number(count)])).toEqual([
      ["accepted", sumOf("accepted")],
      ["decided", sumOf("decided_send")],
      ["sent", sumOf("sent")],
      ["delivered", 0],
      ["displayed", sumOf("displayed")],
      ["clicked", sumOf("clicked")],
      ["converted", recount(made).orders],
    ]);
    const stopped = String(sumOf("stopped_by_frequency_cap"));
    expect(body.dropOffs).toEqual([{ after: "accepted", reason: "frequency_cap", count: stopped }]);
  });

  it("of local days add up to the same, and a minute that was changed behind their back is found", async () => {
    const whole = interval(START_MS - DAY_MS, START_MS + 3 * DAY_MS);
    const { body } = await api.call("GetTimeSeries", { interval: whole, step: "STEP_DAY", timeZone: "Asia/Kathmandu" });
    const points = body.points as { figures: Row["figures"] }[];
    expect(points).toHaveLength(5);
    expect(points.reduce((sum, { figures }) => sum + Number(figures.counts.accepted ?? 0), 0)).toBe(INTERVENTIONS);
    const day = interval(START_MS, START_MS + HOUR_MS);
    const verified = await api.call("VerifyFigures", { interval: day });
    expect(verified.body).toMatchObject({ minutes: "60", differences: [] });
    const one = made.find(
      ({ kind, occurTime }) => kind === EventKind.SENT && Number(occurTime?.seconds) < (START_MS + HOUR_MS / 2) / 1_000,
    );
    await api.store.events.deleteOne({ _id: one?.eventId ?? "" });
    expect((await api.call("VerifyFigures", { interval: day })).body.differences).toHaveLength(1);
    await api.store.events.insertOne(toStored(toEventDocument(one ?? create(EventSchema), new Date())));
    expect((await api.call("VerifyFigures", { interval: day })).body.differences).toHaveLength(0);
  });

  it("of cohorts have every order and every cent", async () => {
    const { orders, revenue } = recount(made);
    const span = { startTime: at(START_MS - DAY_MS), endTime: at(START_MS + 3 * DAY_MS) };
    const { body } = await api.call("GetCohorts", span);
    expect(body).toMatchObject({
      orders: String(orders),
      amounts: [{ currency: "EUR", revenueMinor: String(revenue) }],
    });
  });
});
