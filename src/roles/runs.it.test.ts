import pino from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CampaignState } from "../../gen/intervention/v1/campaign_pb.js";
import { Acceptor } from "../accept/acceptor.ts";
import { startCallers } from "../api/testing/start-callers.ts";
import { Unavailable } from "../domain/errors.ts";
import { findNextDue } from "../domain/schedule/due-times.ts";
import { profileId, type Store, saveShoppers, toMemberKey, toPlace } from "../store/index.ts";
import { runFanOuts } from "./fan-out.ts";
import { runSchedules } from "./run-schedules.ts";

const log = pino({ level: "silent" });
const HOUR_MS = 3_600_000;
const STEP_MS = 80 * 60_000;
const BACK_MS = 30 * 60_000;

/** A store in which every n-th call of a collection's method fails, as it does when a process dies there. */
function failing(
  store: Store,
  name: "fanOuts" | "schedules",
  method: "insertMany" | "updateOne",
  every: number,
): Store {
  let calls = 0;
  const collection = Object.assign(Object.create(store[name]), {
    [method]: (...given: unknown[]) => {
      calls += 1;
      if (calls % every === 0) throw new Unavailable("store", { cause: new Error("killed") });
      return Reflect.apply(store[name][method], store[name], given);
    },
  });
  return { ...store, [name]: collection };
}

describe("campaigns that are sent to segments", () => {
  let api: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => {
    api = await start();
  });
  afterAll(() => api[Symbol.asyncDispose]());

  async function start() {
    const callers = await startCallers("intervention.v1.RunService");
    const { store, bus, client } = callers;
    const acceptor = new Acceptor({ store, bus, now: () => new Date() });
    let campaignState = CampaignState.RUNNING;
    const workspaces = callers.access.workspaces().filter(({ id }) => id === "main");
    return {
      ...callers,
      workspaces,
      setState: (state: CampaignState) => {
        campaignState = state;
      },
      async makeCampaign(campaignId: string) {
        const campaign = {
          ...{ displayName: "News", state: "CAMPAIGN_STATE_RUNNING", content: { title: "News" } },
          ...{ trigger: { event: "SHOP_EVENT_KIND_PAGE_VIEWED" }, policy: { channels: ["CHANNEL_INBOX"] } },
        };
        const made = await client.call("intervention.v1.CampaignService/Create", { campaignId, campaign });
        expect(made.code).toBe(0);
      },
      async makeSegment(segmentId: string, count: number) {
        const segment = { displayName: segmentId };
        await client.call("intervention.v1.SegmentService/CreateSegment", { segmentId, segment });
        const users = Array.from({ length: count }, (_, n) => `${segmentId}-u${n}`);
        await saveShoppers(
          store,
          users.map((userId) => ({
            ...{ _id: profileId("main", userId), workspaceId: "main", userId, place: toPlace(userId), revision: 1 },
            ...{ facts: [], activity: [], foresight: [], lists: [segmentId], keys: [toMemberKey(segmentId)] },
            memberships: [{ segmentId, isIn: true, changes: 1 }],
          })),
        );
        return users;
      },
      work: (holder: string, more: { store?: Store; signal?: AbortSignal } = {}) =>
        runFanOuts(
          {
            ...{ store, acceptor, log, holder, now: () => new Date(), signal: new AbortController().signal },
            ...{ findCampaignState: async () => campaignState, defaultTimeZone: "UTC" },
            ...more,
          },
          workspaces,
        ),
      interventionsOf: (campaign: string) =>
        store.interventions
          .find({ workspaceId: "main" })
          .toArray()
          .then((all) => all.filter(({ userId }) => userId.startsWith(campaign))),
    };
  }

  it("reach everybody once, however often whoever does it dies", async () => {
    await api.makeCampaign("news");
    const users = await api.makeSegment("many", 3_000);
    const request = { campaign: "news", segment: "many", requestId: "r1" };
    const { body } = await api.call("StartRun", request);
    const { runId } = body.run as { runId: string };
    expect((await api.call("StartRun", request)).body.run).toMatchObject({ runId });
    // Dies at every second checkpoint, after the page was accepted; the next one takes over when the lease is over.
    for (let turn = 0; turn < 20; turn += 1) {
      await api.work(`dying-${turn}`, { store: failing(api.store, "fanOuts", "updateOne", 3) }).catch(() => undefined);
      await api.store.fanOuts.updateOne({ _id: runId }, { $set: { heldUntil: new Date(0) } });
    }
    await api.work("last");
    const run = (await api.call("GetRun", { runId })).body.run;
    expect(run).toMatchObject({ state: "RUN_STATE_DONE", progress: 1 });
    const reached = (await api.interventionsOf("many")).map(({ userId }) => userId);
    expect(reached).toHaveLength(users.length);
    expect(new Set(reached)).toEqual(new Set(users));
  });

  it("wait while they are paused or their campaign is, and end with it", async () => {
    await api.makeCampaign("calm");
    const users = await api.makeSegment("few", 20);
    const { body } = await api.call("StartRun", { campaign: "calm", segment: "few", requestId: "r" });
    const { runId } = body.run as { runId: string };
    expect((await api.call("PauseRun", { runId })).body.run).toMatchObject({ state: "RUN_STATE_PAUSED" });
    await api.work("a");
    expect(await api.interventionsOf("few")).toHaveLength(0);
    await api.call("ResumeRun", { runId });
    api.setState(CampaignState.PAUSED);
    await api.work("a");
    expect(await api.interventionsOf("few")).toHaveLength(0);
    api.setState(CampaignState.RUNNING);
    await api.work("a");
    expect(await api.interventionsOf("few")).toHaveLength(users.length);
    const next = await api.call("StartRun", { campaign: "calm", segment: "few", requestId: "r2" });
    api.setState(CampaignState.ARCHIVED);
    await api.work("a");
    api.setState(CampaignState.RUNNING);
    const ended = await api.call("GetRun", { runId: (next.body.run as { runId: string }).runId });
    expect(ended.body.run).toMatchObject({ state: "RUN_STATE_CANCELLED", acceptedCount: "0" });
  });

  it("go no faster than they may", async () => {
    await api.makeCampaign("slow");
    await api.makeSegment("slowly", 300);
    const request = { campaign: "slow", segment: "slowly", requestId: "r", usersPerMinute: 60 };
    const { body } = await api.call("StartRun", request);
    const { runId } = body.run as { runId: string };
    await api.work("a");
    const first = (await api.interventionsOf("slowly")).length;
    expect(first).toBeLessThan(30);
    const letPass = async (ms: number) => {
      const before = (await api.interventionsOf("slowly")).length;
      const at = (await api.store.fanOuts.findOne({ _id: runId }))?.pace?.at.getTime() ?? 0;
      await api.store.fanOuts.updateOne({ _id: runId }, { $set: { "pace.at": new Date(at - ms) } });
      for (let turn = 0; turn < 3; turn += 1) await api.work("a");
      return (await api.interventionsOf("slowly")).length - before;
    };
    expect(await letPass(30_000)).toBeGreaterThanOrEqual(30);
    // However long nobody went on: an hour is not made up for.
    const rushed = await letPass(3_600_000);
    expect(rushed).toBeGreaterThanOrEqual(60);
    expect(rushed).toBeLessThan(100);
  });

  it("are started exactly once each due time by three schedulers that die, whatever the clock does", async () => {
    await api.makeCampaign("daily");
    await api.makeSegment("nobody", 0);
    const zones = ["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kathmandu"];
    const startMs = Date.now();
    const schedules = await Promise.all(
      zones.map(async (timeZone) => {
        const when = { recurring: { cron: "30 */3 * * *", timeZone } };
        const made = await api.call("CreateSchedule", { schedule: { campaign: "daily", segment: "nobody", ...when } });
        expect(made.code).toBe(0);
        return { timeZone, scheduleId: (made.body.schedule as { scheduleId: string }).scheduleId };
      }),
    );
    // Over every change of the clocks in a year, at times back and forth, by less than the two hours that may lie between two due times:
    // those that one step leaps over would be run as one.
    let clockMs = startMs;
    const spans = [
      [startMs, startMs + 40 * HOUR_MS] as const,
      ...zones.flatMap((zone) => findClockChange(zone, startMs)),
    ];
    for (const [fromMs, untilMs] of spans) {
      await api.store.schedules.updateMany({ workspaceId: "main" }, [{ $set: { nextAt: null } }]);
      for (const { scheduleId, timeZone } of schedules) {
        const nextMs = findNextDue({ kind: "cron", pattern: "30 */3 * * *", timeZone }, fromMs) ?? 0;
        await api.store.schedules.updateOne({ _id: scheduleId }, { $set: { nextAt: new Date(nextMs) } });
      }
      for (clockMs = fromMs; clockMs < untilMs; clockMs += STEP_MS) {
        const now = () => new Date(clockMs - (clockMs % 7 === 0 ? BACK_MS : 0));
        const each = { log, now, defaultTimeZone: "UTC" };
        await Promise.allSettled([
          runSchedules({ ...each, store: failing(api.store, "schedules", "updateOne", 2) }, api.workspaces),
          runSchedules({ ...each, store: failing(api.store, "fanOuts", "insertMany", 3) }, api.workspaces),
          runSchedules({ ...each, store: api.store }, api.workspaces),
        ]);
      }
      await runSchedules(
        { log, now: () => new Date(untilMs), defaultTimeZone: "UTC", store: api.store },
        api.workspaces,
      );
    }
    for (const { scheduleId, timeZone } of schedules) {
      const runs = await api.store.fanOuts.find({ "run.scheduleId": scheduleId }).toArray();
      const due = runs.map(({ run }) => run?.dueAt.getTime() ?? 0).toSorted((a, b) => a - b);
      const expected = new Set<number>();
      for (const [fromMs, untilMs] of spans)
        for (
          let ms = findNextDue({ kind: "cron", pattern: "30 */3 * * *", timeZone }, fromMs);
          ms !== undefined && ms <= untilMs;
        )
          [ms] = [findNextDue({ kind: "cron", pattern: "30 */3 * * *", timeZone }, expected.add(ms) && ms)];
      expect(due, timeZone).toEqual([...expected].toSorted((a, b) => a - b));
    }
  }, 120_000);

  it("leave out what is late where that is wished, and say so", async () => {
    await api.makeCampaign("late");
    const segment = { campaign: "late", segment: "nobody", at: { seconds: Math.floor(Date.now() / 1_000) - 600 } };
    const made = await api.call("CreateSchedule", { schedule: { ...segment, missed: "MISSED_POLICY_SKIP" } });
    const late = await api.call("CreateSchedule", { schedule: segment });
    await runSchedules({ log, now: () => new Date(), defaultTimeZone: "UTC", store: api.store }, api.workspaces);
    const { body } = await api.call("ListRuns", { campaign: "late" });
    const stateOf = (answer: typeof made) => {
      const { scheduleId } = answer.body.schedule as { scheduleId: string };
      return (body.runs as { schedule: string; state: string }[]).find(({ schedule }) => schedule === scheduleId)
        ?.state;
    };
    expect([stateOf(made), stateOf(late)]).toEqual(["RUN_STATE_SKIPPED", "RUN_STATE_RUNNING"]);
  });
});

/** Two days around the next two changes of a zone's clock; none where it never changes. */
function findClockChange(timeZone: string, fromMs: number): (readonly [number, number])[] {
  const offsetAt = (ms: number) =>
    new Intl.DateTimeFormat("en", { timeZone, timeZoneName: "longOffset" })
      .formatToParts(ms)
      .find(({ type }) => type === "timeZoneName")?.value;
  const found: (readonly [number, number])[] = [];
  for (let ms = fromMs + 3 * 24 * HOUR_MS; ms < fromMs + 365 * 24 * HOUR_MS && found.length < 2; ms += 24 * HOUR_MS)
    if (offsetAt(ms) !== offsetAt(ms + 24 * HOUR_MS)) found.push([ms - 12 * HOUR_MS, ms + 36 * HOUR_MS]);
  return found;
}
