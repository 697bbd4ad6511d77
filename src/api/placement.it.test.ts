import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { decideByHand } from "./testing/decide-by-hand.ts";
import { GrpcClient } from "./testing/grpc-client.ts";
import { startCallers } from "./testing/start-callers.ts";

const SERVICE = "intervention.v1.PlacementService";

describe("placements", () => {
  let api: Awaited<ReturnType<typeof startCallers>>;
  /** What is kept for a second is not waited for: the clock jumps. */
  let nowMs = Date.now();
  beforeAll(async () => {
    api = await startCallers(SERVICE, { now: () => new Date(nowMs) });
  });
  beforeEach(async () => {
    nowMs += 1_000;
    await api.store.placementOffers.deleteMany({ workspaceId: "main" });
  });
  afterAll(() => api[Symbol.asyncDispose]());

  const create = async (offerId: string, offer: object = {}) => {
    const whole = { displayName: offerId, placement: "hero", content: { title: offerId }, ...offer };
    const { body, code } = await api.call("CreateOffer", { offerId, offer: whole });
    expect(code).toBe(0);
    return body.offer;
  };
  let views = 0;
  const choose = async (request: object = {}) => {
    views += 1;
    const whole = { userId: "ada", pageUrl: "/shoes", placements: ["hero"], viewId: `view-${views}`, ...request };
    const { body, code } = await api.call("Choose", whole);
    expect(code).toBe(0);
    return body.choices as { placement: string; offer: string; interventionId: string }[];
  };
  const chosen = async (request: object = {}) =>
    (await choose(request)).map(({ placement, offer }) => `${placement}: ${offer.split("/").at(-1)}`);

  it("get the offer of the highest priority whose page matches, at most one each, as an intervention by realtime", async () => {
    await create("plain");
    await create("shoes", { priority: 5, pages: [{ prefix: "/shoes" }] });
    await create("hats", { priority: 9, pages: [{ glob: "/hats/*" }] });
    await create("foot", { placement: "foot" });
    expect(await chosen({ placements: ["foot", "hero", "side"] })).toEqual(["foot: foot", "hero: shoes"]);
    expect(await chosen({ pageUrl: "https://shop.example/hats/straw/?q=1" })).toEqual(["hero: hats"]);
    expect(await chosen({ pageUrl: "/" })).toEqual(["hero: plain"]);
    const [choice] = await choose({ locale: "de", viewId: "v-1" });
    const { body } = await api.client.call("intervention.v1.InterventionService/Get", { name: choice?.interventionId });
    expect(body.intervention).toMatchObject({
      recipient: { userId: "ada", locale: "de" },
      content: { title: "shoes", presentation: { kind: "KIND_INLINE", placement: "hero", viewId: "v-1" } },
      campaign: "placementOffers/shoes",
      policy: { channels: ["CHANNEL_REALTIME"] },
    });
  });

  it("lead to the same intervention when the same view asks again, and to another one with the next view", async () => {
    await create("plain");
    const [one, again, next] = [await choose({ viewId: "a" }), await choose({ viewId: "a" }), await choose()];
    expect(again).toEqual(one);
    expect(next).not.toEqual(one);
    expect(await choose({ viewId: "a", userId: "bob" })).not.toEqual(one);
  });

  it("go to those of whom the condition is true, by what is known of them", async () => {
    const comparison = { field: "profile.attributes.tier", operator: "OPERATOR_EQUAL", value: { stringValue: "gold" } };
    await create("gold", { priority: 1, condition: { comparison } });
    await create("others");
    const profile = { userId: "ada", attributes: { fields: { tier: { stringValue: "gold" } } } };
    expect((await api.client.call("intervention.v1.ProfileService/Upsert", { profile })).code).toBe(0);
    expect(await chosen()).toEqual(["hero: gold"]);
    expect(await chosen({ userId: "bob" })).toEqual(["hero: others"]);
  });

  it("give way to the next offer when one was sent often enough, and the decision holds the cap too", async () => {
    await create("rare", { priority: 1, frequency: { max: 1, window: { seconds: 3_600 } } });
    await create("always");
    const [choice] = await choose({ userId: "cap" });
    expect(choice?.offer).toMatch(/rare$/);
    await decideByHand(api.store, choice?.interventionId ?? "", { at: new Date(nowMs), hasLiveSocket: true });
    expect(await chosen({ userId: "cap" })).toEqual(["hero: always"]);
    expect(await chosen({ userId: "someone else" })).toEqual(["hero: rare"]);
    nowMs += 3_600_001;
    expect(await chosen({ userId: "cap" })).toEqual(["hero: rare"]);
  });

  it("follow the clock: an offer begins, and ends", async () => {
    const begin = nowMs + 10_000;
    await create("soon", { startTime: toTime(begin), endTime: toTime(begin + 10_000) });
    expect(await chosen()).toEqual([]);
    nowMs = begin;
    expect(await chosen()).toEqual(["hero: soon"]);
    nowMs = begin + 10_000;
    expect(await chosen()).toEqual([]);
  });

  it("are open to a user's own token, for himself and for choosing alone", async () => {
    await create("plain");
    const { body } = await api.client.call("intervention.v1.SessionService/CreateToken", { userId: "eve" });
    using eve = new GrpcClient(api.address, { authorization: `Bearer ${String(body.token)}` });
    const view = { pageUrl: "/", placements: ["hero"], viewId: "v" };
    expect((await eve.call(`${SERVICE}/Choose`, view)).body.choices).toMatchObject([{ placement: "hero" }]);
    expect((await eve.call(`${SERVICE}/Choose`, { ...view, userId: "ada" })).code).toBe(7);
    expect((await eve.call(`${SERVICE}/ListOffers`, {})).code).toBe(7);
  });

  it("of one workspace show nothing of another's", async () => {
    await create("plain");
    const view = { userId: "ada", pageUrl: "/", placements: ["hero"], viewId: "v" };
    expect((await api.callAsStranger("Choose", view)).body).toEqual({ choices: [] });
    expect((await api.callAsStranger("ListOffers", {})).body).toMatchObject({ offers: [] });
    expect((await api.callAsStranger("GetOffer", { name: "plain" })).code).toBe(5);
  });
});

describe("an offer", () => {
  let api: Awaited<ReturnType<typeof startCallers>>;
  beforeAll(async () => {
    api = await startCallers(SERVICE);
  });
  afterAll(() => api[Symbol.asyncDispose]());
  const offer = { displayName: "One", placement: "hero", content: { title: "One" }, priority: 3 };

  it("is made, read, listed newest first, changed by its mask and its etag, and deleted", async () => {
    const made = (await api.call("CreateOffer", { offerId: "one", offer })).body.offer as {
      name: string;
      etag: string;
    };
    expect(made).toMatchObject({ name: "workspaces/main/placementOffers/one", ...offer });
    expect((await api.call("CreateOffer", { offerId: "one", offer })).code).toBe(6);
    await api.call("CreateOffer", { offerId: "two", offer });
    expect((await api.call("GetOffer", { name: made.name })).body.offer).toEqual(made);
    const first = (await api.call("ListOffers", { pageSize: 1 })).body;
    const rest = (await api.call("ListOffers", { pageSize: 1, pageToken: first.nextPageToken })).body;
    expect([first, rest]).toMatchObject([
      { offers: [{ offerId: "two" }] },
      { offers: [{ offerId: "one" }], nextPageToken: "" },
    ]);

    const change = { offer: { name: "one", etag: made.etag, priority: 7, displayName: "Other" } };
    const changed = await api.call("UpdateOffer", { ...change, updateMask: { paths: ["priority"] } });
    expect(changed.body.offer).toMatchObject({ ...offer, priority: 7 });
    // Aborted: it is not what the caller has read any more.
    expect((await api.call("UpdateOffer", { ...change, updateMask: { paths: ["priority"] } })).code).toBe(10);
    const mask = { paths: ["offer_id"] };
    expect((await api.call("UpdateOffer", { offer: { name: "one" }, updateMask: mask })).code).toBe(3);
    expect((await api.call("UpdateOffer", { offer: { name: "one" } })).code).toBe(3);
    expect((await api.call("DeleteOffer", { name: "one" })).code).toBe(0);
    expect((await api.call("DeleteOffer", { name: "one" })).code).toBe(5);
  });

  it("is changed by one of two who read the same, never by both", async () => {
    await api.call("CreateOffer", { offerId: "raced", offer });
    const answers = await Promise.all(
      Array.from({ length: 8 }, async (_, index) => {
        const { body } = await api.call("GetOffer", { name: "raced" });
        const { etag } = body.offer as { etag: string };
        const wanted = { name: "raced", etag, priority: index + 10 };
        return { index, ...(await api.call("UpdateOffer", { offer: wanted, updateMask: { paths: ["priority"] } })) };
      }),
    );
    const won = answers.filter(({ code }) => code === 0);
    expect(won.length).toBeGreaterThan(0);
    expect(answers.filter(({ code }) => code !== 0 && code !== 10)).toEqual([]);
    const { body } = await api.call("GetOffer", { name: "raced" });
    expect(won.map(({ index }) => index + 10)).toContain((body.offer as { priority: number }).priority);
  });
});

const toTime = (ms: number) => ({ seconds: Math.floor(ms / 1_000), nanos: (ms % 1_000) * 1_000_000 });
