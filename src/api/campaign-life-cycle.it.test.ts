import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newApiKey } from "../integrations/create-workspace.ts";
import { GrpcClient } from "./testing/grpc-client.ts";
import { startCallers } from "./testing/start-callers.ts";

const SERVICE = "intervention.v1.CampaignService";
const good = {
  displayName: "Cart rescue",
  trigger: { event: "SHOP_EVENT_KIND_CART_ABANDONED" },
  content: { title: "Still there?" },
};
const inSeconds = (seconds: number) => ({ seconds: String(Math.floor(Date.now() / 1_000) + seconds) });

let api: Awaited<ReturnType<typeof startCallers>>;
beforeAll(async () => {
  api = await startCallers(SERVICE);
});
afterAll(() => api[Symbol.asyncDispose]());

type Answer = Awaited<ReturnType<typeof api.call>>;
type Shown = { name: string; campaignId: string; state: string; etag: string; review: Record<string, unknown> | null };
const call = async (method: string, request: object) => {
  const answer = await api.call(method, request);
  return { ...answer, message: decodeURIComponent(answer.message) };
};
const campaignOf = ({ body }: Answer) => body.campaign as Shown;
const stateOf = (answer: Answer) => (answer.code === 0 ? campaignOf(answer).state : answer.message);
const make = async (more: object = {}) =>
  campaignOf(await call("Create", { campaignId: `c${randomUUID().slice(0, 8)}`, campaign: { ...good, ...more } })).name;

describe("a campaign that must be reviewed", () => {
  /** A second person with a key of the same workspace. */
  async function startColleague() {
    const { apiKey, prefix, hash } = newApiKey();
    const key = { _id: prefix, workspaceId: "main", createdAt: new Date(), secrets: [{ hash }] };
    await api.store.apiKeys.insertOne({ ...key, roles: ["editor"] });
    await api.access.refresh();
    return new GrpcClient(api.address, { authorization: `Bearer ${apiKey}` });
  }

  it("goes from draft over review and its start time to running, and is not changed on the way", async () => {
    const name = await make({ reviewRule: "REVIEW_RULE_REQUIRED" });
    expect(stateOf(await call("Resume", { name }))).toMatch(/a draft that must be reviewed.*submit it/);
    expect(stateOf(await call("Schedule", { name, startTime: inSeconds(60) }))).toMatch(/submit it/);
    const submitted = campaignOf(await call("Submit", { name }));
    expect(submitted).toMatchObject({ state: "CAMPAIGN_STATE_REVIEW", review: { approver: "", approveTime: null } });
    expect(submitted.review?.submitter).toMatch(/^key\//);
    expect(campaignOf(await call("Submit", { name }))).toEqual(submitted);
    const rename = { campaign: { name, displayName: "Other" }, updateMask: { paths: ["display_name"] } };
    expect(stateOf(await call("Update", rename))).toMatch(/in review and can't be changed: return it to draft/);
    const approved = campaignOf(await call("Approve", { name }));
    expect(approved).toMatchObject({ state: "CAMPAIGN_STATE_SCHEDULED", review: submitted.review && {} });
    expect(approved.review?.approver).toBe(submitted.review?.submitter);
    expect(stateOf(await call("Update", rename))).toMatch(/approved as it is/);
    expect(stateOf(await call("Schedule", { name, startTime: inSeconds(60) }))).toBe("CAMPAIGN_STATE_SCHEDULED");
    expect(stateOf(await call("Resume", { name }))).toBe("CAMPAIGN_STATE_RUNNING");
    expect(stateOf(await call("ReturnToDraft", { name }))).toMatch(/is running and can't be returned to draft/);
    await call("Pause", { name });
    expect(campaignOf(await call("ReturnToDraft", { name }))).toMatchObject({ review: null });
    expect((await call("Update", rename)).code).toBe(0);
    expect(stateOf(await call("Resume", { name }))).toMatch(/submit it/);
  });

  it("by another one is not approved by whoever submitted it", async () => {
    const name = await make({ reviewRule: "REVIEW_RULE_BY_ANOTHER" });
    await call("Submit", { name });
    expect(await call("Approve", { name })).toMatchObject({ code: 9, message: expect.stringContaining("another one") });
    const colleague = await startColleague();
    const approved = await colleague.call(`${SERVICE}/Approve`, { name });
    expect(campaignOf(approved).state).toBe("CAMPAIGN_STATE_SCHEDULED");
    colleague.close();
  });

  it("stays so: the rule becomes stricter and not looser, and an update that does not speak of it leaves it", async () => {
    const name = await make({ reviewRule: "REVIEW_RULE_REQUIRED" });
    const set = (reviewRule: string, paths: string[]) =>
      call("Update", { campaign: { ...good, name, reviewRule }, updateMask: { paths } });
    expect(await set("REVIEW_RULE_OPTIONAL", ["review_rule"])).toMatchObject({
      code: 3,
      message: expect.stringContaining("campaign.review_rule: OPTIONAL is looser than REQUIRED"),
    });
    expect(await set("REVIEW_RULE_UNSPECIFIED", [])).toMatchObject({
      body: { campaign: { reviewRule: "REVIEW_RULE_REQUIRED" } },
    });
    expect((await set("REVIEW_RULE_BY_ANOTHER", ["review_rule"])).code).toBe(0);
    const created = await call("Create", {
      campaign: { ...good, reviewRule: "REVIEW_RULE_REQUIRED", state: "CAMPAIGN_STATE_RUNNING" },
    });
    expect(created).toMatchObject({ code: 3, message: expect.stringContaining("campaign.state") });
  });
});

describe("a campaign", () => {
  it("is completed by hand, and is then only archived or duplicated", async () => {
    const name = await make({ state: "CAMPAIGN_STATE_RUNNING" });
    expect(stateOf(await call("Complete", { name }))).toBe("CAMPAIGN_STATE_COMPLETED");
    expect(stateOf(await call("Resume", { name }))).toMatch(/is completed and can't be resumed: it can be archived/);
    expect(stateOf(await call("Update", { campaign: { ...good, name } }))).toMatch(/duplicate it/);
    const copy = await call("Duplicate", { name, displayName: "Again" });
    expect(copy.body.campaign).toMatchObject({
      ...{ displayName: "Again", state: "CAMPAIGN_STATE_DRAFT", review: null, content: { title: "Still there?" } },
    });
    expect(campaignOf(copy).name).not.toBe(name);
    expect(await call("Duplicate", { name, campaignId: "Not An Id" })).toMatchObject({ code: 3 });
    expect(await api.callAsStranger("Duplicate", { name })).toMatchObject({ code: 5 });
  });

  it("needs a time to begin that lies before its end", async () => {
    const name = await make({ expireTime: inSeconds(100) });
    const refused = { code: 3, message: expect.stringContaining("start_time") };
    expect(await call("Schedule", { name })).toMatchObject(refused);
    expect(await call("Schedule", { name, startTime: inSeconds(100) })).toMatchObject(refused);
    expect(await call("Schedule", { name, startTime: { seconds: "1", nanos: -1 } })).toMatchObject(refused);
    expect(stateOf(await call("Get", { name }))).toBe("CAMPAIGN_STATE_DRAFT");
    const both = { ...good, startTime: inSeconds(9), expireTime: inSeconds(9) };
    expect(await call("Create", { campaign: both })).toMatchObject({
      code: 3,
      message: expect.stringContaining("campaign.start_time"),
    });
    const over = await make({ expireTime: { seconds: "1" } });
    expect(stateOf(await call("Resume", { name: over }))).toMatch(/expire_time, 1970-01-01T00:00:01.000Z, has passed/);
  });

  it("is found by its state, by what it waits for, and by its words, page by page", async () => {
    const words = `Zebra ${randomUUID().slice(0, 6)}`;
    const prediction = { trigger: { prediction: "PREDICTION_KIND_CHURN" } };
    const made: string[] = [];
    for (let index = 0; index < 3; index += 1) made.push(await make({ displayName: `${words} ${index}` }));
    const running = await make({ displayName: words, state: "CAMPAIGN_STATE_RUNNING", ...prediction });
    const list = async (request: object) => {
      const { body, code } = await call("List", request);
      expect(code).toBe(0);
      return { names: (body.campaigns as Shown[]).map(({ name }) => name), token: body.nextPageToken as string };
    };
    const text = words.toUpperCase();
    expect((await list({ text })).names).toHaveLength(4);
    expect((await list({ text, state: "CAMPAIGN_STATE_RUNNING" })).names).toEqual([running]);
    const ofEvents = { text, triggerKind: "CAMPAIGN_TRIGGER_KIND_EVENT" };
    const first = await list({ ...ofEvents, pageSize: 2 });
    const second = await list({ ...ofEvents, pageSize: 2, pageToken: first.token });
    expect(new Set([...first.names, ...second.names])).toEqual(new Set(made));
    expect(second.token).toBe("");
    const other = await call("List", { text, pageToken: first.token });
    expect(other).toMatchObject({ code: 3, message: expect.stringContaining("page_token") });
    expect(await call("List", { state: 99 })).toMatchObject({ code: 3, message: expect.stringContaining("state") });
  });
});
