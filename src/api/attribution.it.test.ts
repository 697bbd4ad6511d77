import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "../testing/until.ts";
import { startTracking, toSeconds } from "./testing/start-tracking.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** When every order here is placed. */
const ORDER_MS = Math.floor(Date.now() / 1_000) * 1_000 - DAY_MS;

type Credits = { model: string; creditsMinor: string[] };
type Order = {
  userId: string;
  refundedMinor: string;
  path: { campaign: string; clicked: boolean; interventionId: string }[];
  credits: Credits[];
};

describe("what an order is credited to", () => {
  let api: Awaited<ReturnType<typeof startTracking>>;
  beforeAll(async () => {
    api = await startTracking();
  });
  afterAll(() => api[Symbol.asyncDispose]());

  /** Someone saw or clicked a message of a campaign, so long before he bought. */
  async function touch(userId: string, campaign: string, kind: "CLICKED" | "DISPLAYED", beforeMs: number) {
    const id = await api.decided(userId, campaign);
    const occurTime = toSeconds(ORDER_MS - beforeMs);
    const click = kind === "CLICKED" ? { id: "1" } : {};
    const answer = await api.track({ interventionId: id, kind: `EVENT_KIND_${kind}`, occurTime, ...click });
    expect(answer.code).toBe(0);
    return id;
  }
  const tell = async (kind: string, orderId: string, minor: number, more: object) => {
    const value = { currency: "EUR", minor };
    const answer = await api.track({ kind, orderId, value, occurTime: toSeconds(ORDER_MS), ...more });
    expect(answer.code).toBe(0);
  };
  const buy = (userId: string, orderId: string, minor: number) =>
    tell("EVENT_KIND_CONVERTED", orderId, minor, { userId });
  const refund = (orderId: string, minor: number, id: string) =>
    tell("EVENT_KIND_REFUNDED", orderId, minor, { id, occurTime: toSeconds(ORDER_MS + HOUR_MS) });
  const find = async (orderId: string) => {
    const { body } = await api.attribution("GetConversion", { orderId });
    return body.order as Order | undefined;
  };
  const reached = (orderId: string, isThere: (order: Order) => boolean) =>
    until(async () => {
      const order = await find(orderId);
      return order !== undefined && isThere(order) ? order : undefined;
    }, `the credits of ${orderId}`);
  const byModel = ({ credits }: Order) =>
    Object.fromEntries(credits.map(({ model, creditsMinor }) => [model, creditsMinor.map(Number)]));

  it("is its path, oldest first, within the windows of clicks and views, and each model's credits to the cent", async () => {
    await touch("ada", "click too old", "CLICKED", 7 * DAY_MS + HOUR_MS);
    await touch("ada", "view too old", "DISPLAYED", DAY_MS + HOUR_MS);
    await touch("ada", "after it", "CLICKED", -HOUR_MS);
    await touch("ada", "third", "DISPLAYED", HOUR_MS);
    await touch("ada", "first", "CLICKED", 6 * DAY_MS);
    await touch("ada", "second", "CLICKED", 2 * DAY_MS);
    await buy("ada", "o1", 100);
    const order = await reached("o1", ({ path }) => path.length === 3);
    expect(order.path.map(({ campaign, clicked }) => [campaign, clicked])).toEqual([
      ["first", true],
      ["second", true],
      ["third", false],
    ]);
    const credits = byModel(order);
    expect(credits).toMatchObject({ first: [100, 0, 0], last: [0, 0, 100], last_non_direct: [0, 0, 100] });
    expect(credits.position_based).toEqual([40, 20, 40]);
    expect(credits.linear?.toSorted()).toEqual([33, 33, 34]);
    for (const shares of Object.values(credits)) expect(shares.reduce((sum, one) => sum + one, 0)).toBe(100);
  });

  it("is less what came back, and never less than nothing", async () => {
    await touch("bob", "spring", "CLICKED", HOUR_MS);
    await buy("bob", "o2", 100);
    await refund("o2", 30, "r1");
    const once = await reached("o2", ({ refundedMinor, path }) => refundedMinor === "30" && path.length === 1);
    expect(byModel(once)).toMatchObject({ first: [70], linear: [70] });
    await refund("o2", 500, "r2");
    const whole = await reached("o2", ({ refundedMinor }) => refundedMinor === "100");
    expect(byModel(whole)).toMatchObject({ first: [0], linear: [0] });
  });

  it("counts a refund that comes before its order", async () => {
    await refund("o3", 40, "r");
    await until(() => api.store.orderEvents.findOne({ _id: "order:main:o3:r" }), "the refund");
    expect(await find("o3")).toBeUndefined();
    await touch("cy", "spring", "CLICKED", HOUR_MS);
    await buy("cy", "o3", 100);
    const order = await reached("o3", ({ path }) => path.length === 1);
    expect([order.refundedMinor, byModel(order).last]).toEqual(["40", [60]]);
  });

  it("is reckoned again for what is told late", async () => {
    await buy("dee", "o4", 100);
    expect((await reached("o4", () => true)).path).toEqual([]);
    await touch("dee", "late", "CLICKED", HOUR_MS);
    await reached("o4", ({ path }) => path.length === 1);
    await touch("dee", "later, of earlier", "CLICKED", DAY_MS);
    const order = await reached("o4", ({ path }) => path.length === 2);
    expect(order.path.map(({ campaign }) => campaign)).toEqual(["later, of earlier", "late"]);
    expect(byModel(order)).toMatchObject({ first: [100, 0], last: [0, 100], linear: [50, 50] });
  });

  it("is what the user did under every id of his, and others see nothing of it", async () => {
    const profile = (userId: string) =>
      api.client.call("intervention.v1.ProfileService/Upsert", { profile: { userId } });
    for (const userId of ["eve", "eve-phone"]) expect(await profile(userId)).toMatchObject({ code: 0 });
    const merged = await api.client.call("intervention.v1.ProfileService/Merge", {
      ...{ fromUserId: "eve-phone", intoUserId: "eve" },
    });
    expect(merged).toMatchObject({ code: 0 });
    const shown = await touch("eve-phone", "phone", "CLICKED", 2 * HOUR_MS);
    const clicked = await touch("eve", "desk", "CLICKED", HOUR_MS);
    await buy("eve-phone", "o5", 100);
    const order = await reached("o5", ({ path }) => path.length === 2);
    expect(order.path.map(({ interventionId }) => interventionId)).toEqual([shown, clicked]);
    expect(await api.attribution("GetConversion", { orderId: "of nobody" })).toMatchObject({ code: 5 });
  });

  it("is told by each intervention that has a part in it, and by no other", async () => {
    const shown = await touch("fay", "spring", "CLICKED", HOUR_MS);
    const unseen = await api.decided("fay", "autumn");
    // The user's messages are made now, and what they led to is bought after.
    const bought = toSeconds(Date.now() + 60_000);
    await tell("EVENT_KIND_CONVERTED", "o6", 100, { userId: "fay", occurTime: bought });
    await reached("o6", ({ path }) => path.length === 1);
    const conversionsOf = async (name: string) => {
      const { body } = await api.client.call("intervention.v1.InterventionService/Explain", { name });
      return (body.conversions as { orderId: string }[]).map(({ orderId }) => orderId);
    };
    expect(await conversionsOf(shown)).toEqual(["o6"]);
    expect(await conversionsOf(unseen)).toEqual([]);
  });

  it("comes to the same total in every model, side by side by campaign", async () => {
    const span = { startTime: toSeconds(ORDER_MS - HOUR_MS), endTime: toSeconds(ORDER_MS + HOUR_MS) };
    const { body } = await api.attribution("CompareModels", { interval: span, by: "DIMENSION_CAMPAIGN" });
    const rows = body.rows as { value: string; creditsMinor: Record<string, string> }[];
    const totals = new Map<string, number>();
    for (const { creditsMinor } of rows)
      for (const [model, minor] of Object.entries(creditsMinor))
        totals.set(model, (totals.get(model) ?? 0) + Number(minor));
    const paid = 100 + 0 + 60 + 100 + 100;
    expect(body).toMatchObject({ orders: "5", currency: "EUR", unattributedMinor: "0" });
    expect(totals.size).toBe(9);
    for (const total of totals.values()) expect(total).toBe(paid);
    expect(rows.find(({ value }) => value === "late")?.creditsMinor).toMatchObject({ last: "100", linear: "50" });
  });

  it("is what the windows of each campaign let in, those that stand when it is reckoned", async () => {
    const service = "intervention.v1.CampaignService";
    const campaign = {
      ...{ displayName: "Long", content: { title: "Hello" }, creditWindows: { click: { seconds: 864_000 } } },
      trigger: { event: "SHOP_EVENT_KIND_ITEM_ADDED" },
    };
    const made = await api.client.call(`${service}/Create`, { campaignId: "long", campaign });
    expect(made).toMatchObject({ code: 0 });
    await touch("gil", "long", "CLICKED", 9 * DAY_MS);
    await touch("gil", "other", "CLICKED", 8 * DAY_MS);
    await touch("gil", "long", "DISPLAYED", HOUR_MS);
    await buy("gil", "o7", 100);
    const order = await reached("o7", ({ path }) => path.length === 2);
    expect(order.path.map(({ clicked }) => clicked)).toEqual([true, false]);
    const { name } = made.body.campaign as { name: string };
    const changed = await api.client.call(`${service}/Update`, {
      campaign: { name, creditWindows: { clicksOnly: true } },
      updateMask: { paths: ["credit_windows"] },
    });
    expect(changed).toMatchObject({
      code: 0,
      body: { campaign: { creditWindows: { clicksOnly: true, click: null } } },
    });
    await touch("gil", "long", "CLICKED", 2 * HOUR_MS);
    const anew = await reached("o7", ({ path }) => path.length === 1);
    expect(anew.path).toMatchObject([{ campaign: "long", clicked: true }]);
    const bad = { clicksOnly: true, view: { seconds: 60 }, click: { seconds: 40 * 86_400 } };
    const refused = await api.client.call(`${service}/Update`, { campaign: { name, creditWindows: bad } });
    expect(refused).toMatchObject({ code: 3, message: expect.stringContaining("campaign.credit_windows.click") });
  });

  it("is put right by reckoning a period anew, which tells how far it is", async () => {
    const before = await find("o1");
    await api.store.conversions.updateOne({ _id: "main/o1" }, { $set: { path: [], refundedMinor: 7 } });
    expect(await find("o1")).not.toEqual(before);
    const stream = api.client.serverStream("intervention.v1.AttributionService/RecomputeCredits", {
      interval: { startTime: toSeconds(ORDER_MS - HOUR_MS), endTime: toSeconds(ORDER_MS + HOUR_MS) },
    });
    const told: unknown[] = [];
    for await (const one of stream) told.push(one);
    expect(told).toEqual([{ done: "6", total: "6" }]);
    expect(await find("o1")).toEqual(before);
  });
});
