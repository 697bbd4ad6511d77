import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { claimBudget } from "../store/index.ts";
import { until } from "../testing/until.ts";
import { startCallers } from "./testing/start-callers.ts";

const SERVICE = "intervention.v1.CampaignService";
const good = {
  displayName: "Cart rescue",
  trigger: { prediction: "PREDICTION_KIND_ABANDONMENT_RISK" },
  content: { title: "Still there?" },
};

let api: Awaited<ReturnType<typeof startCallers>>;

beforeAll(async () => {
  api = await startCallers(SERVICE);
});
afterAll(() => api[Symbol.asyncDispose]());

const call = (method: string, request: object) => api.call(method, request);
type Shown = { name: string; etag: string; state: string; displayName: string; [field: string]: unknown };
const campaignOf = ({ body }: { body: Record<string, unknown> }) => body.campaign as Shown;
const fieldsOf = ({ details }: { details: readonly Record<string, unknown>[] }) =>
  details.flatMap((detail) => ((detail.fieldViolations ?? []) as { field: string }[]).map(({ field }) => field));
const reasonOf = ({ details }: { details: readonly Record<string, unknown>[] }) =>
  details.find(({ reason }) => reason !== undefined)?.reason;
const make = async (more: object = {}, campaignId = "") =>
  campaignOf(await call("Create", { campaignId, campaign: { ...good, ...more } }));

describe("a campaign", () => {
  it("is made as a draft with its defaults filled in, runs, pauses, and ends for ever", async () => {
    const made = await make({ debounce: { wait: { seconds: 2 } } }, "rescue");
    expect(made).toMatchObject({
      name: "workspaces/main/campaigns/rescue",
      state: "CAMPAIGN_STATE_DRAFT",
      priority: "PRIORITY_NORMAL",
      policy: { channels: ["CHANNEL_REALTIME", "CHANNEL_INBOX"] },
      debounce: { wait: { seconds: "2" }, maxWait: { seconds: "20" } },
    });
    expect(campaignOf(await call("Get", { name: made.name }))).toEqual(made);
    expect(await call("Pause", { name: "rescue" })).toMatchObject({ code: 9 });
    expect(campaignOf(await call("Resume", { name: "rescue" })).state).toBe("CAMPAIGN_STATE_RUNNING");
    const paused = campaignOf(await call("Pause", { name: made.name }));
    expect(paused.state).toBe("CAMPAIGN_STATE_PAUSED");
    expect(campaignOf(await call("Pause", { name: made.name }))).toEqual(paused);
    expect(campaignOf(await call("Archive", { name: "rescue" })).state).toBe("CAMPAIGN_STATE_ARCHIVED");
    expect(await call("Resume", { name: "rescue" })).toMatchObject({ code: 9 });
    expect(await call("Update", { campaign: { ...made, etag: "" } })).toMatchObject({ code: 9 });
  });

  it("is made once by its id: the same again returns it, another is refused", async () => {
    const made = await make({}, "once");
    expect(await make({}, "once")).toEqual(made);
    const other = await call("Create", { campaignId: "once", campaign: { ...good, displayName: "Other" } });
    expect(other).toMatchObject({ code: 6 });
    expect(reasonOf(other)).toBe("ALREADY_EXISTS");
  });

  it("changes in the fields named, and only from the state its editor has seen", async () => {
    const made = await make({ ttl: { seconds: 60 } });
    const masked = {
      campaign: { name: made.name, displayName: "New" },
      updateMask: { paths: ["display_name", "ttl"] },
    };
    const changed = campaignOf(await call("Update", masked));
    expect(changed).toMatchObject({ displayName: "New", ttl: null, content: made.content, state: made.state });
    expect(changed.etag).not.toBe(made.etag);
    const stale = await call("Update", { campaign: { ...made, displayName: "Old" } });
    expect({ code: stale.code, reason: reasonOf(stale) }).toEqual({ code: 10, reason: "ETAG_MISMATCH" });
    expect(campaignOf(await call("Get", { name: made.name }))).toEqual(changed);
    const all = campaignOf(await call("Update", { campaign: { ...changed, displayName: "All", priority: 0 } }));
    expect(all).toMatchObject({ displayName: "All", priority: "PRIORITY_NORMAL" });
    const bad = await call("Update", { campaign: all, updateMask: { paths: ["state", "name"] } });
    expect({ code: bad.code, fields: fieldsOf(bad) }).toEqual({ code: 3, fields: ["update_mask", "update_mask"] });
  });

  it("loses none of many changes at the same time", async () => {
    const { name } = await make();
    const rename = (index: number) =>
      call("Update", {
        campaign: { name, displayName: `n${index}`, reentryAfter: { seconds: index + 1 } },
        updateMask: { paths: [index % 2 === 0 ? "display_name" : "reentry_after"] },
      });
    const answers = await Promise.all(Array.from({ length: 6 }, (_, index) => rename(index)));
    expect(new Set(answers.map((answer) => campaignOf(answer).etag)).size).toBe(6);
    const last = campaignOf(await call("Get", { name }));
    expect(last.displayName).toMatch(/^n[024]$/);
    expect(last.reentryAfter).not.toBeNull();
  });

  it("tells what it has used of its budget", async () => {
    const { name } = await make({ budget: { messagesMax: 10 } }, "thrifty");
    expect((await call("Get", { name })).body.budgetUse).toBeNull();
    const whose = { workspaceId: "main", campaignId: "thrifty" };
    const limits = { messagesMax: 10, microsMax: Number.POSITIVE_INFINITY, at: new Date() };
    await claimBudget(api.store, whose, [{ id: "i/0", micros: 5 }], limits);
    expect((await call("Get", { name })).body.budgetUse).toEqual({ messages: "1", micros: "5" });
  });

  it("belongs to its workspace", async () => {
    const { name } = await make({}, "own");
    for (const [method, request] of [
      ["Get", { name }],
      ["Get", { name: "own" }],
      ["Update", { campaign: { ...good, name } }],
      ["Pause", { name }],
      ["Resume", { name }],
      ["Archive", { name }],
    ] as const)
      expect(await api.callAsStranger(method, request)).toMatchObject({ code: 5 });
    expect((await api.callAsStranger("List", {})).body.campaigns).toEqual([]);
  });

  it("is listed in pages, newest first", async () => {
    const names = [];
    for (let index = 0; index < 3; index += 1) names.push((await make()).name);
    const first = await call("List", { pageSize: 2 });
    const second = await call("List", { pageSize: 1, pageToken: first.body.nextPageToken });
    const shown = [first, second].flatMap(({ body }) => body.campaigns as Shown[]).map(({ name }) => name);
    expect(shown).toHaveLength(3);
    expect(shown.toSorted((a, b) => a.localeCompare(b))).toEqual(names.toSorted((a, b) => a.localeCompare(b)));
  });

  it("that is paused is known to be so everywhere at once", async () => {
    const { CampaignDirectory } = await import("../integrations/campaign-directory.ts");
    const directory = await CampaignDirectory.start(api);
    await make({ state: "CAMPAIGN_STATE_RUNNING" }, "told");
    await until(() => directory.findLive("main", "told", new Date()), "running");
    await call("Pause", { name: "told" });
    await until(() => directory.findLive("main", "told", new Date()) === undefined, "paused");
    directory.stop();
  });
});

const comparison = (field: string, value: unknown) => ({ comparison: { field, operator: "OPERATOR_EQUAL", value } });
const number = (numberValue: number) => ({ numberValue });

describe("a campaign is refused that has", () => {
  test.each([
    ["nothing at all", {}, ["campaign.display_name", "campaign.trigger", "campaign.content"]],
    ["no trigger", { ...good, trigger: {} }, ["campaign.trigger"]],
    ["an unknown kind", { ...good, trigger: { prediction: 99 } }, ["campaign.trigger"]],
    [
      "a bad condition",
      { ...good, condition: comparison("prediction.rain", number(1)) },
      ["campaign.condition.comparison.field"],
    ],
    [
      "a condition on what does not trigger it",
      { ...good, condition: comparison("event.page", { stringValue: "/" }) },
      ["campaign.condition"],
    ],
    ["a wait that is too short", { ...good, debounce: { wait: { nanos: 1 } } }, ["campaign.debounce.wait"]],
    [
      "a longest wait below its wait",
      { ...good, debounce: { wait: { seconds: 5 }, maxWait: { seconds: 4 } } },
      ["campaign.debounce.max_wait"],
    ],
    [
      "content that Trigger would refuse",
      { ...good, content: { title: "", imageUrl: "x" } },
      ["campaign.content.title", "campaign.content.image_url"],
    ],
    [
      "a cap without a window",
      { ...good, policy: { frequencyCap: { max: 1 } } },
      ["campaign.policy.frequency_cap.window"],
    ],
    ["a budget that bounds nothing", { ...good, budget: {} }, ["campaign.budget"]],
    [
      "a budget of no money, and of fewer messages than none",
      { ...good, budget: { messagesMax: -1, costMax: { currency: "euro", micros: 0 } } },
      ["campaign.budget.messages_max", "campaign.budget.cost_max.currency", "campaign.budget.cost_max.micros"],
    ],
    [
      "a group without a name or a window",
      { ...good, exclusion: { group: "A b", rank: 101 } },
      ["campaign.exclusion.group", "campaign.exclusion.window", "campaign.exclusion.rank"],
    ],
    ["a state that is not its to begin in", { ...good, state: "CAMPAIGN_STATE_PAUSED" }, ["campaign.state"]],
  ])("%s", async (_, campaign, fields) => {
    const before = await api.store.campaigns.countDocuments();
    const answer = await call("Create", { campaign });
    expect({ code: answer.code, fields: fieldsOf(answer) }).toEqual({ code: 3, fields });
    expect(await api.store.campaigns.countDocuments()).toBe(before);
  });
});
