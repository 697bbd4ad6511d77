import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ShopEventKind, ShopEventSchema } from "../../gen/intervention/v1/shopper_pb.js";
import { insertShopEvents } from "../store/index.ts";
import { startCallers } from "./testing/start-callers.ts";

const HOUR_MS = 3_600_000;
const nowMs = Date.now();

let api: Awaited<ReturnType<typeof startCallers>>;
beforeAll(async () => {
  api = await startCallers("intervention.v1.CampaignService");
});
afterAll(() => api[Symbol.asyncDispose]());

/** A user looks at a page, or puts something into his cart, so many hours ago. */
async function did(userId: string, hoursAgo: number, more: { page?: string; productId?: string } = {}) {
  const at = new Date(nowMs - hoursAgo * HOUR_MS);
  const event = create(ShopEventSchema, {
    ...{ eventId: `${userId}-${hoursAgo}-${more.productId ?? ""}`, userId, occurTime: timestampFromDate(at) },
    ...(more.productId === undefined
      ? { kind: ShopEventKind.PAGE_VIEWED, page: more.page ?? "/" }
      : { kind: ShopEventKind.ITEM_ADDED, item: { productId: more.productId, quantity: 1 } }),
  });
  await insertShopEvents(api.store, [{ event, body: toBinary(ShopEventSchema, event), at, workspaceId: "main" }], at);
}

type Shown = {
  userCount: string;
  triggerCount: string;
  isComplete: boolean;
  outcomes: { outcome: string; rule: string; channel: string; count: string; userCount: string }[];
  sample: { userId: string; triggerId: string; decision: { verdicts: { rule: string; reason: string }[] } }[];
  [field: string]: unknown;
};
const simulate = async (request: object) => {
  const { code, body, message } = await api.call("Simulate", request);
  expect([code, message]).toEqual([0, ""]);
  return body.simulation as Shown;
};
const onPage = {
  ...{ displayName: "Look", trigger: { event: "SHOP_EVENT_KIND_PAGE_VIEWED" }, content: { title: "Hello" } },
  policy: { channels: ["CHANNEL_INBOX"] },
};
const equal = (field: string, stringValue: string) => ({
  comparison: { field, operator: "OPERATOR_EQUAL", value: { stringValue } },
});

/** Everything that a simulation could have left behind. */
const countAll = async () => {
  const { campaigns, interventions, decisions, entries, travellers, fanOuts, audit } = api.store;
  const all = [campaigns, interventions, decisions, entries, travellers, fanOuts, audit];
  return Promise.all(all.map((collection) => collection.countDocuments()));
};

describe("a simulation", () => {
  it("says who would have got what, when and why others not, and leaves nothing behind", async () => {
    for (const hours of [1, 2, 3, 200]) await did("ada", hours, { page: "/sale" });
    await did("bob", 5, { page: "/sale" });
    await did("cy", 5, { page: "/other" });
    const said = await api.client.call("intervention.v1.ProfileService/SetConsent", {
      ...{ userId: "bob", requestId: "r1", channel: "CONTACT_CHANNEL_INBOX", purpose: "PURPOSE_MARKETING" },
      ...{ status: "CONSENT_STATUS_DENIED", source: "test", textVersion: "1" },
    });
    expect(said.message).toBe("");
    const before = await countAll();
    const policy = { ...onPage.policy, frequencyCap: { max: 2, window: { seconds: 86_400 } } };
    const campaign = { ...onPage, policy, condition: equal("event.page", "/sale") };
    const simulation = await simulate({ campaign, sampleSize: 3 });
    expect(await countAll()).toEqual(before);
    expect(simulation).toMatchObject({
      ...{ userCount: "3", isComplete: true, triggerCount: "5", conditionNotMetCount: "1", waitingCount: "0" },
    });
    const outcomes = simulation.outcomes.map(({ outcome, rule, channel, count, userCount }) =>
      [outcome, rule, channel, count, userCount].join(" "),
    );
    expect(new Set(outcomes)).toEqual(
      new Set([
        "OUTCOME_SEND RULE_UNSPECIFIED CHANNEL_INBOX 2 1",
        "OUTCOME_SUPPRESS RULE_FREQUENCY_CAP CHANNEL_UNSPECIFIED 1 1",
        "OUTCOME_SUPPRESS RULE_CONSENT CHANNEL_UNSPECIFIED 1 1",
      ]),
    );
    expect(simulation.sample).toHaveLength(3);
    const refused = (await simulate({ campaign, days: 30 })).sample.find(({ userId }) => userId === "bob");
    expect(refused?.decision.verdicts.at(-1)).toMatchObject({ rule: "RULE_CONSENT" });
    expect((await simulate({ campaign, days: 30 })).triggerCount).toBe("6");
  });

  it("asks what was in the cart then, not what is in it now", async () => {
    await did("dan", 10, { page: "/cart" });
    await did("dan", 9, { productId: "lamp" });
    await did("dan", 8, { page: "/cart" });
    const some = { field: "context.items", condition: equal("product_id", "lamp") };
    const campaign = { ...onPage, condition: { all: { conditions: [equal("event.page", "/cart"), { some }] } } };
    const { sample, conditionNotMetCount } = await simulate({ campaign, days: 1 });
    expect(sample.map(({ triggerId }) => triggerId)).toEqual(["dan-8-"]);
    expect(Number(conditionNotMetCount)).toBeGreaterThan(0);
  });

  it("of what is not recorded, or of another workspace's campaign, is refused", async () => {
    const segment = { segmentId: "vips", segment: { displayName: "VIPs" } };
    expect((await api.client.call("intervention.v1.SegmentService/CreateSegment", segment)).code).toBe(0);
    const entered = { ...onPage, trigger: { segmentEntered: "vips" } };
    expect(await api.call("Simulate", { campaign: entered })).toMatchObject({ code: 9 });
    expect((await simulate({ campaign: { ...onPage, trigger: { audience: { segment: "vips" } } } })).triggerCount).toBe(
      "0",
    );
    expect((await api.call("Create", { campaignId: "own", campaign: onPage })).code).toBe(0);
    expect((await simulate({ name: "own" })).isComplete).toBe(true);
    expect(await api.callAsStranger("Simulate", { name: "workspaces/main/campaigns/own" })).toMatchObject({ code: 5 });
    expect(await api.call("Simulate", { campaign: { ...onPage, displayName: "" } })).toMatchObject({ code: 3 });
  });
});
