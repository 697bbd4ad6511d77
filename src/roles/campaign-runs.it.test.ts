import { timestampMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Acceptor } from "../accept/acceptor.ts";
import type { ParsedTrigger } from "../accept/parsed-trigger.ts";
import { startCallers } from "../api/testing/start-callers.ts";
import { CampaignDirectory } from "../integrations/campaign-directory.ts";
import { CampaignKeeper } from "../integrations/campaign-keeper.ts";
import { profileId, saveShoppers, toInterventionMessage, toMemberKey, toPlace } from "../store/index.ts";
import { until } from "../testing/until.ts";
import { runFanOuts } from "./fan-out.ts";
import { JourneyDoor } from "./journeys.ts";
import { tendCampaigns } from "./tend-campaigns.ts";

const HOUR_MS = 3_600_000;
const toTime = (ms: number) => ({ seconds: String(Math.floor(ms / 1_000)) });

let api: Awaited<ReturnType<typeof start>>;
beforeAll(async () => {
  api = await start();
});
afterAll(() => api[Symbol.asyncDispose]());

/** The API, and a scheduler whose clock the test holds. */
async function start() {
  const callers = await startCallers("intervention.v1.CampaignService");
  const { store, bus, access, log, client } = callers;
  const campaigns = await CampaignDirectory.start({ store, bus, log });
  const acceptor = new Acceptor({ store, bus, now: () => new Date() });
  const accept: Acceptor["accept"] = (...given) => acceptor.accept(...given);
  const usersOf = async (campaign: string) =>
    (await store.interventions.find({ workspaceId: "main" }).toArray())
      .map(toInterventionMessage)
      .filter((message) => message.campaign === campaign)
      .map(({ recipient }) => recipient?.userId ?? "")
      .toSorted();
  return {
    ...callers,
    usersOf,
    /** A list of users, each with a time zone that is known or not. */
    async list(segmentId: string, users: Readonly<Record<string, string | undefined>>) {
      const made = await client.call("intervention.v1.SegmentService/CreateSegment", {
        ...{ segmentId, segment: { displayName: segmentId } },
      });
      expect(made.code).toBe(0);
      await saveShoppers(
        store,
        Object.entries(users).map(([userId, zone]) => ({
          ...{ _id: profileId("main", userId), workspaceId: "main", userId, place: toPlace(userId), revision: 1 },
          ...{ activity: [], foresight: [], lists: [segmentId], keys: [toMemberKey(segmentId)] },
          facts: zone === undefined ? [] : [{ path: "profile.time_zone", text: zone }],
          memberships: [{ segmentId, isIn: true, changes: 1 }],
        })),
      );
    },
    async make(campaignId: string, audience: object, more: object = {}) {
      const campaign = {
        ...{ displayName: "News", content: { title: "News" }, policy: { channels: ["CHANNEL_INBOX"] } },
        ...{ trigger: { audience }, ...more },
      };
      const made = await callers.call("Create", { campaignId, campaign });
      expect(made.message).toBe("");
      expect((await callers.call("Resume", { name: campaignId })).code).toBe(0);
      await until(() => campaigns.findLive("main", campaignId, new Date()), "running");
    },
    stateOf: async (name: string) => {
      const { body } = await callers.call("Get", { name });
      return (body.campaign as { state: string }).state;
    },
    runsOf: async (campaign: string) => {
      const { body } = await client.call("intervention.v1.RunService/ListRuns", { campaign });
      return body.runs as { state: string; progress: number; acceptedCount: string; localTime: string }[];
    },
    /** Three schedulers look at once. */
    async look(atMs: number, acceptAll: Acceptor["accept"] = accept) {
      const now = () => new Date(atMs);
      const keeper = new CampaignKeeper({ store, bus, log, now });
      const workspaces = access.workspaces().filter(({ id }) => id === "main");
      await Promise.all([1, 2, 3].map(() => tendCampaigns({ store, access, log, keeper, now })));
      const find = (workspaceId: string, campaignId: string) => {
        const campaign = campaigns.findLive(workspaceId, campaignId, now())?.campaign;
        return campaign?.journey === undefined ? undefined : campaign;
      };
      await runFanOuts(
        {
          journeys: { find, door: new JourneyDoor({ store, now }) },
          ...{ store, log, now, acceptor: { accept: acceptAll }, holder: "one", defaultTimeZone: "UTC" },
          findCampaignState: (...which) => campaigns.findState(...which),
          signal: new AbortController().signal,
        },
        workspaces,
      );
    },
    accept,
    isPausedHere: (campaignId: string) => campaigns.findLive("main", campaignId, new Date()) === undefined,
    async [Symbol.asyncDispose]() {
      campaigns.stop();
      await callers[Symbol.asyncDispose]();
    },
  };
}

const manyUsers = (prefix: string, count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}-${index}`, undefined]));

describe("a campaign to an audience", () => {
  it("is sent once to everybody as soon as it runs, and is completed then", async () => {
    await api.list("everybody", manyUsers("every", 30));
    await api.make("once", { segment: "everybody" });
    const nowMs = Date.now();
    await api.look(nowMs + 1_000);
    expect(await api.usersOf("once")).toHaveLength(30);
    expect(await api.runsOf("once")).toMatchObject([{ state: "RUN_STATE_DONE", progress: 1, acceptedCount: "30" }]);
    await api.look(nowMs + 3_000);
    expect(await api.stateOf("once")).toBe("CAMPAIGN_STATE_COMPLETED");
    await api.look(nowMs + 5_000);
    expect(await api.runsOf("once")).toHaveLength(1);
  });

  it("that recurs is sent once each time, and not for what was due while it was paused", async () => {
    await api.list("readers", { rita: undefined });
    await api.make("daily", { segment: "readers", cron: "0 * * * *", timeZone: "Europe/Paris" });
    const hourMs = Math.ceil(Date.now() / HOUR_MS) * HOUR_MS;
    for (const minutes of [-1, 0, 1, 30, 60, 61]) await api.look(hourMs + minutes * 60_000);
    expect(await api.runsOf("daily")).toHaveLength(2);
    expect(await api.usersOf("daily")).toEqual(["rita", "rita"]);
    expect((await api.call("Pause", { name: "daily" })).code).toBe(0);
    await api.look(hourMs + 2 * HOUR_MS);
    expect(await api.runsOf("daily")).toHaveLength(2);
    expect(await api.stateOf("daily")).toBe("CAMPAIGN_STATE_PAUSED");
  });

  it("takes everybody through its journey, once a run, whoever dies on the way", async () => {
    await api.list("walkers", manyUsers("walk", 40));
    const steps = [{ stepId: "hello", send: { content: { title: "Hello" } } }];
    await api.make("walk", { segment: "walkers" }, { content: undefined, journey: { steps } });
    await api.look(Date.now() + 1_000);
    await api.store.fanOuts.updateOne({ "run.campaignId": "walk" }, { $set: { state: "running", cursor: 0 } });
    await api.look(Date.now() + 3_000);
    const travellers = await api.store.travellers.find({ workspaceId: "main", campaignId: "walk" }).toArray();
    expect(new Set(travellers.map(({ userId }) => userId)).size).toBe(40);
    expect(travellers).toHaveLength(40);
    expect(await api.usersOf("walk")).toEqual([]);
  });

  it("stops in the middle of its way as soon as it is paused, and goes on where it was", async () => {
    await api.list("crowd", manyUsers("crowd", 2_000));
    await api.make("wide", { segment: "crowd" });
    let pages = 0;
    const pausing = async (...given: Parameters<Acceptor["accept"]>) => {
      pages += 1;
      const requests: readonly ParsedTrigger[] = given[1];
      expect(requests.length).toBeGreaterThan(0);
      const done = await api.accept(...given);
      if (pages === 1) {
        await api.call("Pause", { name: "wide" });
        await until(async () => (await api.stateOf("wide")) === "CAMPAIGN_STATE_PAUSED", "paused");
        await until(() => api.isPausedHere("wide"), "the scheduler knows");
      }
      return done;
    };
    await api.look(Date.now() + 1_000, pausing);
    expect(pages).toBe(1);
    const [run] = await api.runsOf("wide");
    expect(run?.progress).toBeGreaterThan(0);
    expect(run?.progress).toBeLessThan(1);
    await api.call("Resume", { name: "wide" });
    await until(() => !api.isPausedHere("wide"), "the scheduler knows");
    await api.look(Date.now() + 3_000);
    expect(await api.usersOf("wide")).toHaveLength(2_000);
  });

  it("reaches each user when the clock of his own zone shows the time, whatever his zone is", async () => {
    const zones = {
      ...{ kiri: "Pacific/Kiritimati", toyo: "Asia/Tokyo", kath: "Asia/Kathmandu", paul: "Europe/Paris" },
      ...{ nora: "America/New_York", pago: "Pacific/Pago_Pago", unknown: undefined },
    };
    await api.list("world", zones);
    const dayMs = Math.ceil(Date.now() / (24 * HOUR_MS)) * 24 * HOUR_MS + 48 * HOUR_MS;
    const day = new Date(dayMs).toISOString().slice(0, 10);
    await api.make("morning", { segment: "world", localAt: `${day}T09:00` }, { ttl: { seconds: 3_600 } });
    const reached = new Map<string, string>();
    for (let ms = dayMs - 8 * HOUR_MS; ms <= dayMs + 24 * HOUR_MS; ms += HOUR_MS / 4) {
      await api.look(ms);
      for (const userId of await api.usersOf("morning"))
        if (!reached.has(userId)) {
          const timeZone = zones[userId as keyof typeof zones] ?? "UTC";
          const clock = { timeZone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
          reached.set(userId, new Intl.DateTimeFormat("en", clock).format(ms));
        }
    }
    expect(Object.fromEntries(reached)).toEqual(Object.fromEntries(Object.keys(zones).map((user) => [user, "09:00"])));
    expect(await api.usersOf("morning")).toHaveLength(Object.keys(zones).length);
    expect(await api.runsOf("morning")).toMatchObject([{ state: "RUN_STATE_DONE", localTime: `${day}T09:00` }]);
    // What holds for an hour holds for an hour from the morning of each.
    const found = await api.store.interventions.find({ userId: { $in: ["kiri", "paul"] } }).toArray();
    const hours = found.map(toInterventionMessage).map(({ expireTime }) => expireTime && timestampMs(expireTime));
    const isSummer = new Intl.DateTimeFormat("en", { timeZone: "Europe/Paris", timeZoneName: "longOffset" })
      .format(dayMs)
      .includes("+02");
    expect(hours.map((ms) => ((ms ?? 0) - dayMs) / HOUR_MS).toSorted((a, b) => a - b)).toEqual([
      ...[9 - 14 + 1, 9 - (isSummer ? 2 : 1) + 1],
    ]);
    expect(await api.stateOf("morning")).toBe("CAMPAIGN_STATE_COMPLETED");
  });
});

describe("an audience is refused that has", () => {
  it.each([
    ["no segment", {}, {}, "campaign.trigger.audience.segment"],
    ["a segment that is not there", { segment: "nowhere" }, {}, "campaign.trigger.audience.segment"],
    ["a bad time", { segment: "s", localAt: "2026-02-30T09:00" }, {}, "campaign.trigger.audience.local_at"],
    ["a bad pattern", { segment: "s", cron: "* *" }, {}, "campaign.trigger.audience.cron"],
    ["a bad zone", { segment: "s", cron: "* * * * *", timeZone: "Moon" }, {}, "campaign.trigger.audience.time_zone"],
    [
      "a zone for a moment",
      { segment: "s", at: toTime(1), timeZone: "UTC" },
      {},
      "campaign.trigger.audience.time_zone",
    ],
    ["a ramp to nothing", { segment: "s", rampUp: { seconds: 60 } }, {}, "campaign.trigger.audience.ramp_up"],
    ["a negative speed", { segment: "s", usersPerMinute: -1 }, {}, "campaign.trigger.audience.users_per_minute"],
    ["a debounce", { segment: "s" }, { debounce: { wait: { seconds: 1 } } }, "campaign.debounce"],
  ])("%s", async (_, audience, more, field) => {
    const campaign = { displayName: "News", content: { title: "News" }, trigger: { audience }, ...more };
    const before = await api.store.campaigns.countDocuments();
    const refused = await api.call("Create", { campaign });
    expect(refused.code).toBe(3);
    expect(decodeURIComponent(refused.message)).toContain(`${field}:`);
    expect(await api.store.campaigns.countDocuments()).toBe(before);
  });
});
