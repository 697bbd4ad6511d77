import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { toInterventionMessage } from "../store/index.ts";
import { until } from "../testing/until.ts";
import { startCallers } from "./testing/start-callers.ts";

const send = (stepId: string, next = "", more: object = {}) => ({
  ...{ stepId, next },
  send: { content: { title: `This is ${stepId}` }, ...more },
});
const wait = (stepId: string, next: string, more: object = { duration: { seconds: 60 } }) => ({
  stepId,
  next,
  wait: more,
});
const branch = (stepId: string, cases: object[], next = "") => ({ stepId, next, branch: { cases } });
const campaign = (journey: object, more: object = {}) => ({
  ...{ displayName: "Cart rescue", trigger: { prediction: "PREDICTION_KIND_ABANDONMENT_RISK" }, journey },
  ...more,
});
const good = { steps: [send("first", "pause"), wait("pause", "second"), send("second")] };

const now = () => ({ seconds: String(Math.floor(Date.now() / 1_000)) });

let api: Awaited<ReturnType<typeof startCallers>>;
beforeAll(async () => {
  api = await startCallers("intervention.v1.CampaignService");
});
afterAll(() => api[Symbol.asyncDispose]());

describe("a campaign with a journey", () => {
  it("has one version more with each change of it, and none with any other", async () => {
    const made = await api.call("Create", { campaignId: "versions", campaign: campaign(good) });
    expect(made.body.campaign).toMatchObject({ journeyVersion: 1, content: null, journey: { steps: [{}, {}, {}] } });
    const update = async (changes: object, paths: string[]) => {
      const request = { campaign: { name: "versions", ...changes }, updateMask: { paths } };
      const { body, message } = await api.call("Update", request);
      expect(message).toBe("");
      return (body.campaign as { journeyVersion: number }).journeyVersion;
    };
    expect(await update({ displayName: "Other" }, ["display_name"])).toBe(1);
    expect(await update({ journey: good }, ["journey"])).toBe(1);
    expect(await update({ journey: { steps: [send("only")] } }, ["journey"])).toBe(2);
    const single = await api.call("Update", {
      campaign: { name: "versions", content: { title: "One" } },
      updateMask: { paths: ["journey", "content"] },
    });
    expect(single.body.campaign).toMatchObject({ journey: null, content: { title: "One" }, journeyVersion: 3 });
  });

  it("lets in whom it is triggered for, and tells of each", async () => {
    const running = { state: "CAMPAIGN_STATE_RUNNING" };
    expect((await api.call("Create", { campaignId: "told", campaign: campaign(good, running) })).code).toBe(0);
    const ingest = async (predictionId: string) => {
      const prediction = { predictionId, userId: "ada", kind: "PREDICTION_KIND_ABANDONMENT_RISK", score: 0.9 };
      const made = { ...prediction, model: "m", modelVersion: "1", predictTime: now() };
      const { message } = await api.client.call("intervention.v1.PredictionService/Ingest", { prediction: made });
      expect(message).toBe("");
    };
    const listed = async () => (await api.call("ListTravellers", { name: "told", userId: "ada" })).body;
    let count = 0;
    // Until the campaign is known to be running.
    await until(async () => {
      count += 1;
      await ingest(`p${count}`);
      return ((await listed()).travellers as unknown[]).length > 0;
    }, "ada is in");
    await ingest(`p${count}`);
    const body = await listed();
    expect(body.travellers).toMatchObject([
      { userId: "ada", campaign: "told", journeyVersion: 1, stepId: "", leftBecause: "", path: [] },
    ]);
    expect((await api.call("ListTravellers", { name: "told", userId: "bob" })).body.travellers).toEqual([]);
    expect(await api.call("ListTravellers", { name: "told" })).toMatchObject({ code: 3 });
    expect(await api.callAsStranger("ListTravellers", { name: "told", userId: "ada" })).toMatchObject({ code: 5 });
    const accepted = (await api.store.interventions.find().toArray()).map(toInterventionMessage);
    expect(accepted.filter((one) => one.campaign === "told")).toEqual([]);
  });

  const outcome = (stepId: string, reached = "SUCCESS_DISPLAYED") => ({ outcome: { stepId, reached }, next: "" });
  const onPrediction = {
    comparison: { field: "prediction.score", operator: "OPERATOR_GREATER", value: { numberValue: 0.5 } },
  };
  test.each([
    ["no steps", { steps: [] }, ["steps"]],
    ["a step that does nothing", { steps: [{ stepId: "a" }] }, ["steps[0]"]],
    ["a bad id", { steps: [send("A b")] }, ["steps[0].step_id"]],
    ["a way that leads nowhere", { steps: [send("a", "b")] }, ["steps[0].next"]],
    [
      "a circle without a wait",
      { steps: [send("a", "b"), branch("b", [outcome("a")], "a")] },
      ["steps[0]", "steps[1]"],
    ],
    ["a bad message", { steps: [send("a", "", { content: { title: "" } })] }, ["steps[0].send.content.title"]],
    ["a wait without an end", { steps: [wait("a", "", {})] }, ["steps[0].wait"]],
    ["a wait that is too long", { steps: [wait("a", "", { duration: { seconds: 1e9 } })] }, ["steps[0].wait.duration"]],
    ["a time that no clock shows", { steps: [wait("a", "", { timeOfDay: "25:00" })] }, ["steps[0].wait.time_of_day"]],
    ["a branch without cases", { steps: [branch("a", [])] }, ["steps[0].branch.cases"]],
    ["a case that asks nothing", { steps: [branch("a", [{ next: "" }])] }, ["steps[0].branch.cases[0]"]],
    [
      "an outcome that is none",
      { steps: [send("a", "b"), branch("b", [outcome("a", "SUCCESS_UNSPECIFIED")])] },
      ["steps[1].branch.cases[0].outcome.reached"],
    ],
    [
      "a case that looks at what triggered",
      { steps: [branch("a", [{ condition: onPrediction, next: "" }])] },
      ["steps[0].branch.cases[0].condition"],
    ],
    ["an end that looks at what triggered", { ...good, exitWhen: onPrediction }, ["exit_when"]],
  ])("is refused that has %s", async (_, journey, fields) => {
    const before = await api.store.campaigns.countDocuments();
    const refused = await api.call("Create", { campaign: campaign(journey) });
    expect(refused.code).toBe(3);
    const named = refused.details.flatMap((detail) =>
      ((detail.fieldViolations ?? []) as { field: string }[]).map(({ field }) => field),
    );
    expect(named).toEqual(fields.map((field) => `campaign.journey.${field}`));
    expect(await api.store.campaigns.countDocuments()).toBe(before);
  });

  it("is refused that says something beside its steps", async () => {
    const refused = await api.call("Create", { campaign: campaign(good, { content: { title: "Beside" } }) });
    expect(refused).toMatchObject({ code: 3, message: expect.stringContaining("campaign.content") });
  });
});
