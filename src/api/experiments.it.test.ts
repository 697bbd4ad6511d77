import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startCallers } from "./testing/start-callers.ts";

const SERVICE = "intervention.v1.ExperimentService";
const good = {
  displayName: "Colours",
  campaigns: ["spring"],
  variants: [
    { variantId: "plain", weight: 1 },
    { variantId: "bold", weight: 1, treatment: { content: { title: "BOLD" } } },
    { variantId: "none", weight: 0.5, holdout: true },
  ],
  goals: [{ goalId: "orders", kind: "GOAL_KIND_BINARY", measure: { orders: "ORDER_MEASURE_COUNT" } }],
};
const holdout = {
  ...good,
  campaigns: [],
  allCampaigns: true,
  variants: [
    { variantId: "treated", weight: 9 },
    { variantId: "held-out", weight: 1, holdout: true },
  ],
};

let api: Awaited<ReturnType<typeof startCallers>>;
beforeAll(async () => {
  api = await startCallers(SERVICE);
  await makeCampaign("spring");
});
afterAll(() => api[Symbol.asyncDispose]());

const call = (method: string, request: object) => api.call(`${method}Experiment`, request);
type Shown = { name: string; etag: string; state: string; displayName: string; [field: string]: unknown };
type Answer = { readonly code: number; readonly body: Record<string, unknown>; readonly message?: string };
const shown = ({ body }: Answer) => body.experiment as Shown;
const make = async (more: object = {}, experimentId = "") =>
  shown(await call("Create", { experimentId, experiment: { ...good, ...more } }));
const campaigns = (method: string, request: object) =>
  api.client.call(`intervention.v1.CampaignService/${method}`, request);
async function makeCampaign(campaignId: string, more: object = {}) {
  const trigger = { event: "SHOP_EVENT_KIND_PAGE_VIEWED" };
  const campaign = { displayName: campaignId, trigger, content: { title: "Plain" }, ...more };
  expect((await campaigns("Create", { campaignId, campaign })).code).toBe(0);
}
const REFUSED = { code: 9 };
const stop = (name: string, conclusion: object) => call("Stop", { name, conclusion });

describe("an experiment", () => {
  it("is made as a draft with its defaults filled in, and is the same when it is read", async () => {
    const made = await make({}, "colours");
    expect(made).toMatchObject({
      name: "workspaces/main/experiments/colours",
      state: "EXPERIMENT_STATE_DRAFT",
      control: "plain",
      salt: "colours",
      traffic: 1,
      method: { kind: "KIND_ALWAYS_VALID", alpha: 0.05, correction: "CORRECTION_HOLM" },
    });
    expect(shown(await call("Get", { name: "colours" }))).toEqual(made);
    expect(await make({}, "colours")).toEqual(made);
    expect(await call("Create", { experimentId: "colours", experiment: { ...good, salt: "other" } })).toMatchObject({
      code: 6,
    });
    const { experiments } = (await api.call("ListExperiments", {})).body as { experiments: Shown[] };
    expect(experiments).toContainEqual(made);
    const strange = await api.callAsStranger("GetExperiment", { name: "colours" });
    expect(strange).toMatchObject({ code: 5 });
  });

  it("goes through its life, and refuses by name what is not allowed", async () => {
    await makeCampaign("life");
    const { name } = await make({ campaigns: ["life"] });
    expect(await call("Pause", { name })).toMatchObject(REFUSED);
    const started = shown(await call("Start", { name }));
    expect(started).toMatchObject({ state: "EXPERIMENT_STATE_RUNNING" });
    expect(started.startTime).not.toBeNull();
    expect(shown(await call("Start", { name }))).toEqual(started);
    expect(shown(await call("Pause", { name })).state).toBe("EXPERIMENT_STATE_PAUSED");
    expect(shown(await call("Resume", { name })).state).toBe("EXPERIMENT_STATE_RUNNING");
    expect(await call("Archive", { name })).toMatchObject(REFUSED);
    const stopped = shown(await stop(name, { shipNone: true, reason: "No difference." }));
    expect(stopped).toMatchObject({ state: "EXPERIMENT_STATE_STOPPED", conclusion: { reason: "No difference." } });
    expect(shown(await stop(name, { shipNone: true, reason: "No difference." }))).toEqual(stopped);
    expect(await stop(name, { shipVariant: "bold" })).toMatchObject(REFUSED);
    expect(await call("Resume", { name })).toMatchObject(REFUSED);
    expect(shown(await call("Archive", { name })).state).toBe("EXPERIMENT_STATE_ARCHIVED");
    expect(await call("Start", { name })).toMatchObject(REFUSED);
  });

  it("may change as a draft, and later only in what moves nobody", async () => {
    await makeCampaign("change");
    const { name, etag } = await make({ campaigns: ["change"], traffic: 0.2 });
    const update = (experiment: object, paths: readonly string[] = []) =>
      call("Update", { experiment: { name, ...experiment }, updateMask: { paths } });
    const draft = shown(await update({ salt: "other", etag }, ["salt"]));
    expect(draft.salt).toBe("other");
    expect(await update({ displayName: "Late", etag }, ["display_name"])).toMatchObject({ code: 10 });
    await call("Start", { name });
    expect(shown(await update({ displayName: "New" }, ["display_name"])).displayName).toBe("New");
    expect(shown(await update({ traffic: 0.5 }, ["traffic"])).traffic).toBe(0.5);
    expect(await update({ traffic: 0.4 }, ["traffic"])).toMatchObject(REFUSED);
    expect(await update({ salt: "third" }, ["salt"])).toMatchObject(REFUSED);
    const variants = good.variants.map((variant) => ({ ...variant, weight: 3 }));
    expect(await update({ variants }, ["variants"])).toMatchObject(REFUSED);
    const now = shown(await call("Get", { name }));
    expect(shown(await call("Update", { experiment: now }))).toEqual(now);
    expect(await update({ state: 1 }, ["state"])).toMatchObject({ code: 3 });
  });

  it("starts only with campaigns that are there, and not beside another of the same", async () => {
    await makeCampaign("shared");
    await makeCampaign("collecting", { digest: { after: { seconds: 60 } } });
    const start = async (more: object) => call("Start", { name: (await make(more)).name });
    expect(await start({ campaigns: ["nowhere"] })).toMatchObject(REFUSED);
    expect(await start({ campaigns: ["collecting"] })).toMatchObject(REFUSED);
    const piece = (from: number) => ({ campaigns: ["shared"], layer: { layer: "l", from, until: from + 0.5 } });
    expect((await start(piece(0))).code).toBe(0);
    expect(await start(piece(0.25))).toMatchObject(REFUSED);
    expect(await start({ campaigns: ["shared"] })).toMatchObject(REFUSED);
    expect((await start(piece(0.5))).code).toBe(0);
  });

  it("makes what is shipped the campaigns' own before it ends", async () => {
    await makeCampaign("shipped");
    const { name } = await make({ campaigns: ["shipped"] });
    await call("Start", { name });
    expect(await stop(name, { shipVariant: "none" })).toMatchObject({ code: 3 });
    expect(await stop(name, { shipVariant: "nobody" })).toMatchObject({ code: 3 });
    const shippedCampaign = async () => (await campaigns("Get", { name: "shipped" })).body.campaign;
    expect(await shippedCampaign()).toMatchObject({ content: { title: "Plain" } });
    expect(shown(await stop(name, { shipVariant: "bold" })).state).toBe("EXPERIMENT_STATE_STOPPED");
    expect(await shippedCampaign()).toMatchObject({ content: { title: "BOLD" }, state: "CAMPAIGN_STATE_DRAFT" });
  });

  it("of all campaigns is one at a time, and holds out", async () => {
    const one = shown(await call("Create", { experimentId: "all", experiment: holdout }));
    expect((await call("Start", { name: one.name })).code).toBe(0);
    const other = shown(await call("Create", { experimentId: "all-2", experiment: holdout }));
    expect(await call("Start", { name: other.name })).toMatchObject(REFUSED);
    expect(one.control).toBe("held-out");
    const turned = { ...holdout, control: "treated" };
    expect(await call("Create", { experiment: turned })).toMatchObject({ code: 3 });
    const wrong = { ...holdout, variants: good.variants };
    expect(await call("Create", { experiment: wrong })).toMatchObject({ code: 3 });
    await stop(one.name, { shipNone: true });
    expect((await call("Start", { name: other.name })).code).toBe(0);
  });
});

describe("a plan", () => {
  it("says how many users it takes, and that nobody knows how long without traffic", async () => {
    const { body } = await api.call("PlanSampleSize", { rate: { baseline: 0.1 }, minimumLift: 0.1 });
    expect(body).toMatchObject({ usersPerVariant: "14749", decisionsPerDay: 0, days: 0, daysAlwaysValid: 0 });
    expect(Number(body.usersPerVariantAlwaysValid)).toBeGreaterThan(14_749);
  });

  it("says how long it lasts by what the campaigns decided lately", async () => {
    const yesterday = Math.floor(Date.now() / 86_400_000) - 1;
    const key = { campaign: "busy", channel: "email", variant: "", template: "", locale: "" };
    const counts = { decided_send: 20_000, decided_suppress: 8_000, decided_delay: 500 };
    await api.store.rollups.insertOne({
      ...{ _id: `main/day/${yesterday}`, workspaceId: "main" },
      cells: [{ key, counts, amounts: {}, stages: {} }],
    });
    const plan = { rate: { baseline: 0.1 }, minimumLift: 0.1 };
    const { body } = await api.call("PlanSampleSize", { ...plan, campaigns: ["busy"], traffic: 0.5 });
    expect(body).toMatchObject({ decisionsPerDay: 2_000, days: 30 });
    expect((await api.call("PlanSampleSize", { ...plan, campaigns: ["idle"] })).body).toMatchObject({ days: 0 });
  });
});
