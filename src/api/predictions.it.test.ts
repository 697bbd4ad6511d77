import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { insertPredictionOutcomes } from "../store/index.ts";
import { until } from "../testing/until.ts";
import { startCallers } from "./testing/start-callers.ts";

const SERVICE = "intervention.v1.PredictionService";

let api: Awaited<ReturnType<typeof startCallers>>;

beforeAll(async () => {
  api = await startCallers(SERVICE);
});
afterAll(() => api[Symbol.asyncDispose]());

const call = (method: string, request: object) => api.call(method, request);
let made = 0;
const prediction = (more: object = {}) => {
  made += 1;
  const ms = Date.now() - 60_000 + made;
  return {
    predictionId: `p${made}`,
    userId: `u${made}`,
    kind: "PREDICTION_KIND_CHURN",
    score: 0.5,
    model: "m",
    modelVersion: "1",
    predictTime: { seconds: Math.floor(ms / 1_000), nanos: (ms % 1_000) * 1_000_000 },
    ...more,
  };
};
type Result = { response?: { effect: string; interventionIds: string[] }; error?: { code: number } };
const effectOf = ({ response, error }: Result) => response?.effect ?? error?.code;

describe("predictions", () => {
  it("are taken in one by one, and an intervention that one leads to is named", async () => {
    const campaign = {
      ...{ displayName: "C", content: { title: "Come back" }, state: "CAMPAIGN_STATE_RUNNING" },
      trigger: { prediction: "PREDICTION_KIND_DISCOUNT_AFFINITY" },
    };
    await api.client.call("intervention.v1.CampaignService/Create", { campaignId: "discount", campaign });
    const answer = await until(async () => {
      const one = prediction({ kind: "PREDICTION_KIND_DISCOUNT_AFFINITY", features: { fields: {} } });
      const { body } = await call("Ingest", { prediction: one });
      return (body.interventionIds as string[]).length === 1 && body;
    }, "campaign known");
    expect(answer.effect).toBe("PREDICTION_EFFECT_KEPT");
    const { interventionIds } = answer as { interventionIds: string[] };
    const { body } = await api.client.call("intervention.v1.InterventionService/Get", { name: interventionIds[0] });
    expect(body.intervention).toMatchObject({ campaign: "discount", content: { title: "Come back" } });
  });

  it("are refused with every bad field named, and nothing is kept", async () => {
    const answer = await call("Ingest", { prediction: { score: 2, predictionId: "bad", kind: 77 } });
    expect(answer.code).toBe(3);
    const fields = answer.details.flatMap((detail) =>
      ((detail.fieldViolations ?? []) as { field: string }[]).map(({ field }) => field),
    );
    expect(fields).toEqual(["user_id", "kind", "score", "model", "model_version", "predict_time"]);
    expect(await api.store.predictions.findOne({ _id: "main/bad" })).toBeNull();
  });

  it("are taken in by the thousand, each with its own answer in its place", async () => {
    const batch = Array.from({ length: 1_000 }, () => prediction());
    const old = {
      ...batch[0],
      predictionId: "old",
      predictTime: { seconds: 1_000 },
      expireTime: { seconds: 4_000_000_000 },
    };
    const predictions = [
      ...batch.slice(0, 996),
      batch[5],
      { ...prediction(), score: 7 },
      prediction({ expireTime: { seconds: 5 } }),
      old,
    ];
    const { body } = await call("IngestBatch", { predictions });
    const effects = (body.results as Result[]).map(effectOf);
    expect(effects.slice(0, 996).every((effect) => effect === "PREDICTION_EFFECT_KEPT")).toBe(true);
    expect(effects.slice(996)).toEqual(["PREDICTION_EFFECT_REPEATED", 3, 3, "PREDICTION_EFFECT_STALE"]);
    expect(await call("IngestBatch", { predictions: [] })).toMatchObject({ code: 3 });
    expect(await call("IngestBatch", { predictions: [...predictions, prediction()] })).toMatchObject({ code: 3 });
  });

  it("stream, and each is acknowledged by its number", async () => {
    const stream = api.client.bidiStream(`${SERVICE}/IngestStream`);
    const answers: { index: string; result: Result }[] = [];
    const ended = new Promise((resolve, reject) => {
      stream.on("data", (answer) => answers.push(answer));
      stream.on("end", resolve);
      stream.on("error", reject);
    });
    const sent = Array.from({ length: 500 }, () => prediction());
    for (const one of sent.slice(0, 499)) stream.write({ prediction: one });
    await until(() => answers.length === 499, "acknowledged while the stream is open");
    stream.write({ prediction: { ...sent[0], score: -1 } });
    stream.end();
    await ended;
    expect(new Set(answers.map(({ index }) => Number(index))).size).toBe(500);
    expect(answers.filter(({ result }) => effectOf(result) === "PREDICTION_EFFECT_KEPT")).toHaveLength(499);
    expect(effectOf(answers.find(({ index }) => index === "499")?.result ?? {})).toBe(3);
  });

  it("of a user are told by their newest of each kind, and to nobody of another workspace", async () => {
    const { predictTime } = prediction();
    const time = (seconds: number) => ({ ...predictTime, seconds: predictTime.seconds + seconds });
    for (const [kind, seconds, score] of [
      ["CHURN", -7_000, 0.1],
      ["CHURN", -5, 0.2],
      ["PURCHASE_INTENT", -900, 0.3],
    ] as const)
      await call("Ingest", {
        prediction: prediction({
          ...{ userId: "ada", kind: `PREDICTION_KIND_${kind}`, score, predictTime: time(seconds) },
          expireTime: { seconds: 4_000_000_000 },
        }),
      });
    const { body } = await call("Get", { userId: "ada" });
    expect((body.predictions as { score: number }[]).map(({ score }) => score)).toEqual([0.2, 0.3]);
    expect((await api.callAsStranger("Get", { userId: "ada" })).body.predictions).toEqual([]);
    expect(await call("Get", {})).toMatchObject({ code: 3 });
    expect(await call("Get", { userId: "ada", parent: "workspaces/other" })).toMatchObject({ code: 5 });
  });

  it("are compared with what came of them, by version of their model", async () => {
    const outcomes = [
      ["1", 0.9, true],
      ["1", 0.2, true],
      ["2", 0.25, false],
    ] as const;
    await insertPredictionOutcomes(
      api.store,
      outcomes.map(([modelVersion, score, outcome], index) => ({
        _id: `main/o${index}`,
        ...{ workspaceId: "main", kind: 3, model: "bg-nbd", modelVersion, score, outcome },
        predictedAt: new Date(Date.now() - 86_400_000),
        fixedAt: new Date(),
      })),
    );
    const request = { kind: "PREDICTION_KIND_PURCHASE_INTENT", model: "bg-nbd" };
    const { body } = await call("GetCalibration", request);
    expect(body).toMatchObject({
      horizon: { seconds: "86400" },
      truncated: false,
      versions: [
        { modelVersion: "1", count: "2", positiveCount: "2" },
        { modelVersion: "2", count: "1", positiveCount: "0", brierScore: 0.0625 },
      ],
    });
    expect((await api.callAsStranger("GetCalibration", request)).body.versions).toEqual([]);
    expect(await call("GetCalibration", { kind: "PREDICTION_KIND_DISCOUNT_AFFINITY", model: "m" })).toMatchObject({
      code: 3,
    });
  });
});
