import { create, fromJson, toBinary } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Binary } from "mongodb";
import { describe, expect, it, test } from "vitest";
import { CampaignSchema } from "../../gen/intervention/v1/campaign_pb.js";
import { ConditionSchema } from "../../gen/intervention/v1/condition_pb.js";
import { ContentSchema } from "../../gen/intervention/v1/intervention_pb.js";
import { ContextSchema, PredictionKind, ShopEventKind, ShopEventSchema } from "../../gen/intervention/v1/shopper_pb.js";
import { Unavailable } from "../domain/errors.ts";
import { findCampaign, replaceCampaign, type Store } from "../store/index.ts";
import { until } from "../testing/until.ts";
import { prediction, startTriggers } from "./testing/trigger-parts.ts";

const RISKY = fromJson(ConditionSchema, {
  comparison: { field: "prediction.score", operator: "OPERATOR_GREATER_OR_EQUAL", value: 0.7 },
});
const getCampaign = async (store: Store) => {
  const found = await findCampaign(store, "main", "any");
  if (found === undefined) throw new Error("the campaign is gone");
  return found;
};
const at = (ms: number) => timestampFromDate(new Date(ms));

describe("a prediction", () => {
  it("leads to an intervention of each running campaign whose condition is true, which says why", async () => {
    await using parts = await startTriggers();
    await parts.run("risky", { condition: RISKY });
    await parts.run("any");
    await parts.run("churn", { trigger: { on: { case: "prediction", value: PredictionKind.CHURN } } });
    const strong = prediction({ predictionId: "strong", score: 0.7 });
    const { effect, interventionIds } = await parts.predictions.ingest({ workspace: "main", prediction: strong });
    expect({ effect, count: interventionIds.length }).toEqual({ effect: "kept", count: 2 });
    await parts.predictions.ingest({ workspace: "main", prediction: prediction({ userId: "bob", score: 0.69 }) });
    const accepted = await parts.accepted();
    expect(accepted.map(({ campaign, recipient }) => `${campaign} for ${recipient?.userId}`).toSorted()).toEqual([
      "any for ada",
      "any for bob",
      "risky for ada",
    ]);
    expect(accepted.find(({ campaign }) => campaign === "risky")).toMatchObject({
      idempotencyKey: "campaign/risky/prediction/strong",
      trigger: { campaign: "risky", prediction: { predictionId: "strong", score: 0.7 } },
    });
  });

  test.each([
    ["known already", { predictionId: "first" }, "repeated"],
    ["older than the newest of its user and kind", { predictTime: at(Date.now() - 60_000) }, "stale"],
    ["expired", { expireTime: at(Date.now() - 1) }, "expired"],
    [
      "of a model that said no more of it for an hour",
      { userId: "bob", predictTime: at(Date.now() - 3_600_001) },
      "expired",
    ],
    ["older, but of another kind", { kind: PredictionKind.CHURN, predictTime: at(Date.now() - 60_000) }, "kept"],
    ["older, but of another user", { userId: "bob", predictTime: at(Date.now() - 60_000) }, "kept"],
  ] as const)("that is %s is told from a new one", async (_, changes, expected) => {
    await using parts = await startTriggers();
    await parts.run("any");
    await parts.predictions.ingest({ workspace: "main", prediction: prediction({ predictionId: "first" }) });
    const { effect } = await parts.predictions.ingest({ workspace: "main", prediction: prediction(changes) });
    expect(effect).toBe(expected);
    expect(await parts.accepted()).toHaveLength(expected === "kept" && !("kind" in changes) ? 2 : 1);
  });

  it("that was interrupted between match and ledger, or between ledger and store, has its effect once", async () => {
    await using parts = await startTriggers();
    await parts.run("any");
    const one = { workspace: "main", prediction: prediction() };
    const dying = parts.newProcess({ acceptor: { accept: () => Promise.reject(new Unavailable("bus")) } });
    await expect(dying.predictions.ingest(one)).rejects.toThrow(Unavailable);
    expect(await parts.store.predictions.countDocuments()).toBe(0);
    // The ledger has it, and the process died before the prediction was kept.
    await parts.triggers.onPredictions([one]);
    expect(await parts.newProcess().predictions.ingest(one)).toMatchObject({ effect: "kept" });
    expect(await parts.predictions.ingest(one)).toMatchObject({ effect: "repeated", interventionIds: [] });
    expect(await parts.accepted()).toHaveLength(1);
  });

  it("that is heard again after its campaign has changed still counts once", async () => {
    await using parts = await startTriggers();
    const campaign = await parts.run("any");
    const one = { workspace: "main", prediction: prediction() };
    const [first] = await parts.triggers.onPredictions([one]);
    const { document } = await replaceCampaign(parts.store, await getCampaign(parts.store), {
      campaign: new Binary(toBinary(CampaignSchema, { ...campaign, content: create(ContentSchema, { title: "New" }) })),
      updatedAt: new Date(),
    });
    await until(
      () => parts.campaigns.findLive("main", "any", new Date())?.campaign.etag === document?.etag,
      "change known",
    );
    expect(await parts.triggers.onPredictions([one])).toEqual([first]);
    expect((await parts.accepted()).map(({ content }) => content?.title)).toEqual(["Still there?"]);
  });

  it("lets a user into a campaign once within its time, whoever is asked", async () => {
    await using parts = await startTriggers();
    await parts.run("once", { reentryAfter: durationFromMs(3_600_000) });
    const processes = [parts, parts.newProcess(), parts.newProcess()];
    const many = Array.from({ length: 30 }, () => ({ workspace: "main", prediction: prediction() }));
    await Promise.all(many.map((one, index) => processes[index % 3]?.triggers.onPredictions([one])));
    expect(await parts.accepted()).toHaveLength(1);
    await parts.triggers.onPredictions([{ workspace: "main", prediction: prediction({ userId: "bob" }) }]);
    expect(await parts.accepted()).toHaveLength(2);
  });

  it("does nothing for a campaign that has ended by itself", async () => {
    await using parts = await startTriggers();
    await parts.run("ending", { expireTime: at(Date.now() + 86_400_000) });
    const one = { workspace: "main", prediction: prediction() };
    const later = parts.newProcess({ now: () => new Date(Date.now() + 86_400_001) });
    await later.triggers.onPredictions([one]);
    expect(await parts.accepted()).toEqual([]);
    await parts.triggers.onPredictions([one]);
    expect(await parts.accepted()).toHaveLength(1);
  });

  it("of one workspace does nothing in another", async () => {
    await using parts = await startTriggers();
    await parts.run("any");
    await parts.predictions.ingest({ workspace: "other", prediction: prediction() });
    expect(await parts.accepted()).toEqual([]);
  });

  it("is judged by what is known of its user, which is asked only if the condition looks at it", async () => {
    const asked: string[] = [];
    await using parts = await startTriggers({
      async findProfile(_, userId) {
        asked.push(userId);
        return { userId, attributes: { tier: userId === "ada" ? "gold" : "tin" } };
      },
    });
    await parts.run("any");
    await parts.predictions.ingest({ workspace: "main", prediction: prediction({ userId: "eve" }) });
    await parts.run("gold", {
      condition: fromJson(ConditionSchema, {
        comparison: { field: "profile.attributes.tier", operator: "OPERATOR_EQUAL", value: "gold" },
      }),
    });
    for (const userId of ["ada", "bob"])
      await parts.predictions.ingest({ workspace: "main", prediction: prediction({ userId }) });
    expect(asked).toEqual(["ada", "bob"]);
    const gold = (await parts.accepted()).filter(({ campaign }) => campaign === "gold");
    expect(gold.map(({ recipient }) => recipient?.userId)).toEqual(["ada"]);
  });
});

describe("what a shopper did", () => {
  const event = (changes: object = {}) =>
    create(ShopEventSchema, {
      ...{ eventId: "e1", userId: "ada", kind: ShopEventKind.CHECKOUT_STARTED, occurTime: at(Date.now()), ...changes },
    });
  const context = create(ContextSchema, {
    cartValue: { currency: "EUR", minor: 9_900n },
    lastEvents: Array.from({ length: 9 }, () => event({ attributes: { much: "text" } })),
  });

  it("leads to an intervention when the condition is true of it and of its context, once", async () => {
    await using parts = await startTriggers();
    const worth = (minor: number) => ({
      comparison: { field: "context.cart_value.minor", operator: "OPERATOR_GREATER", value: minor },
    });
    const trigger = { on: { case: "event", value: ShopEventKind.CHECKOUT_STARTED } } as const;
    await parts.run("large", { trigger, condition: fromJson(ConditionSchema, worth(5_000)) });
    await parts.run("huge", { trigger, condition: fromJson(ConditionSchema, worth(50_000)) });
    const applied = [
      { workspace: "main", event: event(), context },
      { workspace: "main", event: event({ eventId: "e2", kind: ShopEventKind.PAGE_VIEWED }), context },
    ];
    await parts.triggers.onEvents(applied);
    await parts.newProcess().triggers.onEvents(applied);
    const accepted = await parts.accepted();
    expect(accepted).toMatchObject([{ campaign: "large", trigger: { event: { eventId: "e1" } } }]);
    // Small enough to be recorded with each decision.
    expect(accepted[0]?.trigger?.context?.lastEvents).toHaveLength(5);
    expect(accepted[0]?.trigger?.context?.lastEvents[0]?.attributes).toBeUndefined();
  });
});

describe("a storm", () => {
  const debounced = (waitMs: number, maxWaitMs: number) => ({
    debounce: { wait: durationFromMs(waitMs), maxWait: durationFromMs(maxWaitMs) },
  });

  it("for one user becomes one decision, on its last prediction, and one for each user", async () => {
    await using parts = await startTriggers();
    await parts.run("calm", debounced(500, 60_000));
    await using _worker = await parts.startWorker();
    const processes = [parts, parts.newProcess()];
    for (let index = 0; index < 40; index += 1) {
      const one = prediction({
        predictionId: `s${index}`,
        userId: index % 2 === 0 ? "ada" : "bob",
        score: index / 100,
      });
      await processes[index % 3 === 0 ? 1 : 0]?.predictions.ingest({ workspace: "main", prediction: one });
    }
    expect(await parts.accepted()).toEqual([]);
    await until(async () => (await parts.store.entries.countDocuments()) === 2, "both settled");
    const accepted = await parts.accepted();
    expect(
      accepted
        .map(({ idempotencyKey, trigger }) => [idempotencyKey, trigger?.prediction?.score])
        .toSorted(([a = ""], [b = ""]) => (a < b ? -1 : 1)),
    ).toEqual([
      ["campaign/calm/burst/prediction/s0", 0.38],
      ["campaign/calm/burst/prediction/s1", 0.39],
    ]);
  });

  it("that does not end is decided after its longest wait", async () => {
    await using parts = await startTriggers();
    await parts.run("calm", debounced(60_000, 1_000));
    await using _worker = await parts.startWorker();
    await parts.predictions.ingest({ workspace: "main", prediction: prediction() });
    await until(async () => (await parts.accepted()).length === 1, "decided");
  });

  it("survives the process that heard it, and its repetition makes nothing new", async () => {
    await using parts = await startTriggers();
    await parts.run("calm", debounced(300, 60_000));
    const storm = Array.from({ length: 3 }, () => ({ workspace: "main", prediction: prediction() }));
    await parts.newProcess().triggers.onPredictions(storm);
    await using _worker = await parts.startWorker(parts.newProcess());
    await until(async () => (await parts.store.entries.countDocuments()) === 1, "settled");
    expect(await parts.accepted()).toHaveLength(1);
    await parts.triggers.onPredictions(storm);
    await parts.triggers.onPredictions(storm.slice(1, 2));
    const waiting = await parts.bus.jsm.streams.info(parts.bus.subjects.stream("DELAYED"), {
      subjects_filter: parts.bus.subjects.burst("main", "calm", "ada"),
    });
    expect(Object.keys(waiting.state.subjects ?? {})).toEqual([]);
    expect(await parts.accepted()).toHaveLength(1);
  });

  it("that ends in what no longer meets the condition comes to nothing, and a new one begins afresh", async () => {
    await using parts = await startTriggers();
    await parts.run("calm", { ...debounced(300, 60_000), condition: RISKY });
    await using _worker = await parts.startWorker();
    await parts.predictions.ingest({ workspace: "main", prediction: prediction({ score: 0.9 }) });
    await parts.predictions.ingest({ workspace: "main", prediction: prediction({ score: 0.1 }) });
    await until(async () => (await parts.store.entries.countDocuments()) === 1, "settled");
    expect(await parts.accepted()).toEqual([]);
    await parts.predictions.ingest({ workspace: "main", prediction: prediction({ score: 0.8 }) });
    await until(async () => (await parts.accepted()).length === 1, "decided");
  });
});
