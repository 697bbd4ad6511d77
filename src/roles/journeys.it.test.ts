import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { type Campaign, CampaignState } from "../../gen/intervention/v1/campaign_pb.js";
import { EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import { Channel, ContentSchema, Success } from "../../gen/intervention/v1/intervention_pb.js";
import { JourneySchema } from "../../gen/intervention/v1/journey_pb.js";
import { Acceptor } from "../accept/acceptor.ts";
import { Unavailable } from "../domain/errors.ts";
import { CampaignKeeper } from "../integrations/campaign-keeper.ts";
import { insertEvents, type Store, toEventDocument } from "../store/index.ts";
import { until } from "../testing/until.ts";
import { JourneyRunner } from "./run-journeys.ts";
import { prediction, startTriggers } from "./testing/trigger-parts.ts";

const HOUR_MS = 3_600_000;
type JourneyInit = Extract<MessageInitShape<typeof JourneySchema>, { $typeName?: never }>;

/** A message; after an hour, and unless it was displayed, another one. */
const NUDGE: JourneyInit = {
  steps: [
    { stepId: "push", next: "hour", does: { case: "send", value: { content: { title: "Still there?" } } } },
    {
      stepId: "hour",
      next: "seen",
      does: { case: "wait", value: { until: { case: "duration", value: durationFromMs(HOUR_MS) } } },
    },
    {
      ...{ stepId: "seen", next: "sms" },
      does: {
        case: "branch",
        value: {
          cases: [{ when: { case: "outcome", value: { stepId: "push", reached: Success.DISPLAYED } }, next: "" }],
        },
      },
    },
    { stepId: "sms", next: "", does: { case: "send", value: { content: { title: "We kept your cart" } } } },
  ],
};

/** Triggers, and runners of journeys whose clock the test holds. */
async function start(overrides: { ordered?: () => ReadonlySet<string> } = {}) {
  const parts = await startTriggers();
  const { store, bus, access, campaigns, log } = parts;
  let passedMs = 0;
  const now = () => new Date(Date.now() + passedMs);
  const acceptor = new Acceptor({ store, bus, now: () => new Date() });
  const newRunner = (more: { store?: Store; acceptor?: Pick<Acceptor, "accept">; holder?: string } = {}) =>
    new JourneyRunner({
      ...{ acceptor, campaigns, store, holder: "one", defaultTimeZone: "UTC", now, ...more },
      facts: { findContext: async () => undefined, findProfile: async () => undefined },
      findOrders: async (_, userId) =>
        overrides.ordered?.().has(userId) === true ? [{ placedAt: now(), productIds: [] }] : [],
    });
  const workspaces = access.workspaces().filter(({ id }) => id === "main");
  const sent = async () =>
    (await parts.accepted())
      .map(({ content, recipient }) => `${content?.title} ${recipient?.userId}`)
      .sort((a, b) => (a < b ? -1 : 1));
  const enter = (...users: string[]) =>
    parts.triggers.onPredictions(
      users.map((userId) => ({ workspace: "main", prediction: prediction({ userId, predictionId: `of-${userId}` }) })),
    );
  const travellers = () => store.travellers.find({ workspaceId: "main" }).toArray();
  return {
    ...parts,
    ...{ newRunner, workspaces, sent, enter, travellers },
    pass: (ms: number) => {
      passedMs += ms;
    },
    travel: (runner = newRunner()) => runner.run(workspaces),
    async change(campaignId: string, edit: (campaign: Campaign) => void) {
      const keeper = new CampaignKeeper({ store, bus, log, now: () => new Date() });
      const changed = await keeper.change("main", campaignId, "", edit);
      await until(async () => (await campaigns.findState("main", campaignId)) === changed.state, "state known");
      const isRunning = changed.state === CampaignState.RUNNING;
      const live = () => campaigns.findLive("main", campaignId, new Date())?.campaign.etag;
      await until(() => live() === (isRunning ? changed.etag : undefined), "change known");
    },
    /** Tells that the first message of a journey was displayed to somebody. */
    async display(userId: string) {
      const found = (await travellers()).find((one) => one.userId === userId);
      const interventionId = found?.path[0]?.interventionId ?? "";
      const at = new Date();
      const event = create(EventSchema, {
        ...{
          eventId: `${interventionId}:displayed`,
          kind: EventKind.DISPLAYED,
          workspace: "main",
          interventionId,
          userId,
        },
        ...{ campaign: "nudge", channel: Channel.REALTIME, occurTime: timestampFromDate(at) },
      });
      await insertEvents(store, [toEventDocument(event, at)]);
    },
  };
}

/** A store in which travellers are written down as `act` does it. */
function withBulkWrite(store: Store, act: (write: () => Promise<unknown>) => Promise<unknown>): Store {
  const { travellers } = store;
  const bulkWrite = (...given: Parameters<typeof travellers.bulkWrite>) => act(() => travellers.bulkWrite(...given));
  return { ...store, travellers: Object.assign(Object.create(travellers), { bulkWrite }) };
}

const toJourney = (given: JourneyInit) => create(JourneySchema, given);
const nudge = { journey: toJourney(NUDGE), journeyVersion: 1 };

describe("a journey", () => {
  it("takes each user through its steps in his own time, by what has become of what was sent", async () => {
    await using parts = await start();
    await parts.run("nudge", nudge);
    await parts.enter("ada", "bob");
    await parts.travel();
    expect(await parts.sent()).toEqual(["Still there? ada", "Still there? bob"]);
    await parts.display("ada");
    parts.pass(HOUR_MS / 2);
    await parts.travel();
    expect(await parts.sent()).toHaveLength(2);
    parts.pass(HOUR_MS / 2);
    await parts.travel();
    expect(await parts.sent()).toEqual(["Still there? ada", "Still there? bob", "We kept your cart bob"]);
    const left = await parts.travellers();
    expect(left.map(({ userId, path, leftBecause, dueAt }) => [userId, path.length, leftBecause, dueAt])).toEqual(
      expect.arrayContaining([
        ["ada", 3, "ended", undefined],
        ["bob", 4, "ended", undefined],
      ]),
    );
  });

  it("takes each step once, however often whoever takes it dies, and whatever he would say the second time", async () => {
    await using parts = await start();
    await parts.run("nudge", nudge);
    const users = Array.from({ length: 30 }, (_, index) => `u${index}`);
    await parts.enter(...users);
    // Heard twice: nobody comes in a second time.
    await parts.enter(...users);
    expect(await parts.travellers()).toHaveLength(users.length);
    /** Dies at every second try to write down what was taken, after its messages were asked for. */
    let tries = 0;
    const dying = withBulkWrite(parts.store, async (write) => {
      tries += 1;
      if (tries % 2 === 1) throw new Unavailable("store", { cause: new Error("killed") });
      return write();
    });
    for (let turn = 0; turn < 4; turn += 1) {
      for (let n = 0; n < 6; n += 1)
        await Promise.allSettled([
          parts.travel(parts.newRunner({ store: dying })),
          parts.travel(parts.newRunner({ store: dying })),
        ]);
      if (turn === 0) for (const userId of users.slice(0, 10)) await parts.display(userId);
      parts.pass(HOUR_MS);
    }
    const sent = await parts.sent();
    expect(sent.filter((one) => one.startsWith("Still"))).toHaveLength(30);
    expect(sent.filter((one) => one.startsWith("We"))).toHaveLength(20);
    expect(new Set(sent).size).toBe(50);
    expect((await parts.travellers()).every(({ leftBecause }) => leftBecause === "ended")).toBe(true);
  });

  it("stays on the way that was written down first, when two who take the same step find different things", async () => {
    await using parts = await start();
    await parts.run("nudge", nudge);
    await parts.enter("ada");
    await parts.travel();
    parts.pass(HOUR_MS);
    const late = Promise.withResolvers<void>();
    let branches = 0;
    // Over the wait at once, and then so slow that another one takes the branch.
    const slow = withBulkWrite(parts.store, async (write) => {
      branches += 1;
      if (branches === 2) await late.promise;
      return write();
    });
    const slowly = parts.travel(parts.newRunner({ store: slow }));
    await until(() => branches === 2, "the branch is taken, and not written down");
    await parts.display("ada");
    await parts.travel();
    late.resolve();
    await slowly;
    await parts.travel();
    expect(await parts.sent()).toEqual(["Still there? ada"]);
    expect(await parts.travellers()).toMatchObject([{ stepId: "seen", leftBecause: "ended" }]);
  });

  it("asks for nothing new when what it asked for may be on disk or not", async () => {
    await using parts = await start();
    await parts.run("nudge", nudge);
    await parts.enter("ada");
    const acceptor = new Acceptor({ store: parts.store, bus: parts.bus, now: () => new Date() });
    const accept: Acceptor["accept"] = async (...given) => {
      await acceptor.accept(...given);
      return given[1].map(() => ({ kind: "failed", error: new Unavailable("bus") }) as const);
    };
    await expect(parts.travel(parts.newRunner({ acceptor: { accept } }))).rejects.toThrow(/tried again/);
    await parts.travel();
    expect(await parts.sent()).toEqual(["Still there? ada"]);
  });

  it("goes on as it was for whoever is on the way when it is changed", async () => {
    await using parts = await start();
    const campaign = await parts.run("nudge", nudge);
    await parts.enter("ada");
    await parts.travel();
    await parts.change("nudge", (one) => {
      const last = one.journey?.steps.at(-1);
      if (last?.does.case === "send") last.does.value.content = create(ContentSchema, { title: "New" });
    });
    expect(campaign.journeyVersion).toBe(1);
    await parts.enter("bob");
    await parts.travel();
    parts.pass(HOUR_MS);
    await parts.travel();
    expect(await parts.sent()).toEqual(["New bob", "Still there? ada", "Still there? bob", "We kept your cart ada"]);
    expect((await parts.travellers()).map(({ userId, journeyVersion }) => `${userId} ${journeyVersion}`)).toEqual(
      expect.arrayContaining(["ada 1", "bob 2"]),
    );
  });

  it("waits while its campaign is paused, and goes on after that is completed", async () => {
    await using parts = await start();
    await parts.run("nudge", nudge);
    await parts.enter("ada");
    await parts.change("nudge", (one) => {
      one.state = CampaignState.PAUSED;
    });
    await parts.travel();
    expect(await parts.sent()).toEqual([]);
    await parts.change("nudge", (one) => {
      one.state = CampaignState.COMPLETED;
    });
    await parts.travel();
    expect(await parts.sent()).toEqual(["Still there? ada"]);
  });

  it("is left by whoever has ordered", async () => {
    const ordered = new Set<string>();
    await using parts = await start({ ordered: () => ordered });
    await parts.run("nudge", { ...nudge, journey: toJourney({ ...NUDGE, exitOnOrder: true }) });
    await parts.enter("ada", "bob");
    await parts.travel();
    ordered.add("ada");
    parts.pass(HOUR_MS);
    await parts.travel();
    expect(await parts.sent()).toEqual(["Still there? ada", "Still there? bob", "We kept your cart bob"]);
    const ada = (await parts.travellers()).find(({ userId }) => userId === "ada");
    expect(ada).toMatchObject({ leftBecause: "ordered", stepId: "hour" });
  });

  it("that comes round ends after 200 steps", async () => {
    await using parts = await start();
    const wait = { case: "wait", value: { until: { case: "duration", value: durationFromMs(1_000) } } } as const;
    const again = { case: "outcome", value: { stepId: "push", reached: Success.CLICKED } } as const;
    const steps: JourneyInit["steps"] = [
      { stepId: "push", next: "wait", does: { case: "send", value: { content: { title: "Again" } } } },
      { stepId: "wait", next: "ask", does: wait },
      { stepId: "ask", next: "push", does: { case: "branch", value: { cases: [{ when: again, next: "" }] } } },
    ];
    await parts.run("nudge", { journey: toJourney({ steps }), journeyVersion: 1 });
    await parts.enter("ada");
    for (let turn = 0; turn < 70; turn += 1) {
      await parts.travel();
      parts.pass(1_000);
    }
    expect(await parts.travellers()).toMatchObject([{ leftBecause: "too_long" }]);
    expect((await parts.sent()).length).toBe(67);
  });
});
