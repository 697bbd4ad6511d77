import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { listDeadLetters } from "../bus/index.ts";
import { until } from "../testing/until.ts";
import { startTracking, toSeconds } from "./testing/start-tracking.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const order = (orderId: string, minor = 100, more: object = {}) => ({
  ...{ kind: "EVENT_KIND_CONVERTED", userId: "ada", orderId, value: { currency: "EUR", minor } },
  ...more,
});

describe("reporting what happened", () => {
  let api: Awaited<ReturnType<typeof startTracking>>;
  beforeAll(async () => {
    api = await startTracking();
  });
  afterAll(() => api[Symbol.asyncDispose]());

  const stored = (id: string) => until(() => api.store.events.findOne({ _id: id }), `${id} stored`);
  const storedOrder = (id: string) => until(() => api.store.orderEvents.findOne({ _id: id }), `${id} stored`);
  const letters = async () =>
    (await listDeadLetters(api.bus, { workspace: "main", after: 0, limit: 100 })).map(({ error }) => error);
  const displayed = (interventionId: string, more: object = {}) => ({
    ...{ interventionId, kind: "EVENT_KIND_DISPLAYED" },
    ...more,
  });

  it("stores it with its own time, when it came, and what its intervention is counted by", async () => {
    const id = await api.decided("ada");
    const atMs = Math.floor(Date.now() / 1_000) * 1_000 - HOUR_MS;
    const before = Date.now();
    const answer = await api.track(displayed(id, { occurTime: toSeconds(atMs) }));
    expect(answer).toMatchObject({ code: 0, body: { eventId: `${id}:displayed` } });
    const event = await stored(`${id}:displayed`);
    const counted = { workspaceId: "main", userId: "ada", campaign: "spring", channel: "realtime" };
    expect(event).toMatchObject({ ...counted, kind: "displayed", occurredAt: new Date(atMs) });
    expect(event.receivedAt.getTime()).toBeGreaterThanOrEqual(before);
  });

  it("counts an id once however often it comes, and clicks apart by theirs", async () => {
    const id = await api.decided("ada");
    const click = (own: string) => ({ interventionId: id, kind: "EVENT_KIND_CLICKED", id: own, actionId: "buy" });
    for (const own of ["a", "a", "b", "a"]) expect((await api.track(click(own))).code).toBe(0);
    // Read in the order it came: once this is there, so is what was before it.
    await api.track({ interventionId: id, kind: "EVENT_KIND_DISMISSED" });
    await until(async () => (await api.store.events.countDocuments({ again: id })) === 2, "two clicks");
    expect((await stored(`${id}:dismissed`)).interventionId).toBe(id);
    const clicks = await api.store.events.find({ again: id }).toArray();
    expect(clicks.map(({ _id, actionId }) => [_id, actionId]).sort()).toEqual([
      [`${id}:clicked:a`, "buy"],
      [`${id}:clicked:b`, "buy"],
    ]);
  });

  it("tells who asks for it that an id is known with another body, and changes nothing; the same again is fine", async () => {
    const id = await api.decided("ada");
    const click = { interventionId: id, kind: "EVENT_KIND_CLICKED", id: "a", actionId: "buy" };
    const bought = order(`o-${id}`, 100, { occurTime: toSeconds(Date.now() - HOUR_MS) });
    await api.track(click);
    await api.track(bought);
    const [event, sale] = [await stored(`${id}:clicked:a`), await storedOrder(`order:main:o-${id}`)];
    const again = (touchpoint: object) => api.call("Track", { touchpoint, refuseChanged: true });
    expect((await again(click)).code).toBe(0);
    expect((await again(bought)).code).toBe(0);
    expect((await again({ ...click, actionId: "later" })).code).toBe(6);
    const dearer = { ...bought, value: { currency: "EUR", minor: 999 } };
    const twice = [
      { ...click, id: "b" },
      { ...click, id: "b", actionId: "other" },
    ];
    const { body } = await api.call("TrackBatch", {
      touchpoints: [click, dearer, { ...bought, userId: "bob" }, {}],
      refuseChanged: true,
    });
    expect((body.results as { code: number }[]).map(({ code }) => code)).toEqual([0, 6, 6, 3]);
    const both = (await api.call("TrackBatch", { touchpoints: twice, refuseChanged: true })).body;
    expect((both.results as { code: number }[]).map(({ code }) => code)).toEqual([6, 6]);
    // Nobody is told who does not ask, and the first stands all the same.
    expect((await api.track({ ...click, actionId: "later" })).code).toBe(0);
    await api.track({ interventionId: id, kind: "EVENT_KIND_DISMISSED" });
    await stored(`${id}:dismissed`);
    expect(await stored(`${id}:clicked:a`)).toEqual(event);
    expect(await storedOrder(`order:main:o-${id}`)).toEqual(sale);
    expect(await api.store.events.countDocuments({ again: id })).toBe(1);
  });

  test.each([
    ["just within 30 days", () => Date.now() - 30 * DAY_MS + HOUR_MS, 0],
    ["older than 30 days", () => Date.now() - 30 * DAY_MS - HOUR_MS, 3],
    ["4 minutes ahead", () => Date.now() + 4 * 60_000, 0],
    ["6 minutes ahead", () => Date.now() + 6 * 60_000, 3],
  ])("of a time %s is taken or refused by name", async (_, toMs, code) => {
    const id = await api.decided("ada");
    const atMs = toMs();
    const answer = await api.track(displayed(id, { occurTime: toSeconds(atMs) }));
    expect(answer.code).toBe(code);
    if (code === 0)
      expect((await stored(`${id}:displayed`)).occurredAt).toEqual(new Date(toSeconds(atMs).seconds * 1_000));
    else expect(answer.message).toMatch(/occur_time.*(more than 30 days ago|more than 5 minutes ahead)/);
  });

  it("in a batch is answered one by one: what is good is on disk, what is not says why", async () => {
    const id = await api.decided("ada");
    const touchpoints = [displayed(id), displayed("no id"), order("batch"), order("worthless", 0)];
    const { body } = await api.call("TrackBatch", { touchpoints });
    const results = body.results as { code: number; message: string }[];
    expect(results.map(({ code }) => code)).toEqual([0, 3, 0, 3]);
    expect(results[1]?.message).toMatch(/intervention_id.*no id/);
    expect(results[3]?.message).toMatch(/value/);
    await stored(`${id}:displayed`);
    expect(await storedOrder("order:main:batch")).toMatchObject({ valueMinor: 100, currency: "EUR", userId: "ada" });
    expect(await api.store.orderEvents.countDocuments({ again: "order:main:worthless" })).toBe(0);
  });

  test.each([0, 1_001])("in a batch of %i is refused, and nothing is stored", async (count) => {
    const touchpoints = Array.from({ length: count }, (_, n) => order(`refused ${count} ${n}`));
    const answer = await api.call("TrackBatch", { touchpoints });
    expect(answer).toMatchObject({ code: 3, message: expect.stringContaining("1 to 1000 are allowed") });
    expect(await api.store.orderEvents.countDocuments({ again: `order:main:refused ${count} 0` })).toBe(0);
  });

  it("over a stream is acknowledged batch by batch, before the stream ends", async () => {
    const stream = api.client.bidiStream("intervention.v1.TrackingService/TrackStream");
    const answers = new Map<number, number[]>();
    stream.on("data", ({ index, results }: { index: string; results: { code: number }[] }) =>
      answers.set(
        Number(index),
        results.map(({ code }) => code),
      ),
    );
    const ended = new Promise((resolve) => stream.on("end", resolve));
    for (let n = 0; n < 20; n += 1)
      stream.write({ touchpoints: n === 7 ? [] : [order(`stream ${n}`), order(`stream ${n} bad`, -1)] });
    await until(() => answers.size === 20, "all answers");
    stream.end();
    await ended;
    for (const [n, codes] of answers) expect(codes).toEqual(n === 7 ? [3] : [0, 3]);
    for (let n = 0; n < 20; n += 1) if (n !== 7) await storedOrder(`order:main:stream ${n}`);
  });

  it("keeps the first telling of an order, and each refund by its own id", async () => {
    await api.track(order("twice", 500));
    await storedOrder("order:main:twice");
    expect((await api.track(order("twice", 900))).code).toBe(0);
    const refund = (id: string) => ({ ...order("twice", 50), kind: "EVENT_KIND_REFUNDED", id });
    for (const id of ["r1", "r1", "r2"]) expect((await api.track(refund(id))).code).toBe(0);
    await storedOrder("order:main:twice:r2");
    const told = await api.store.orderEvents.find({ again: "order:main:twice" }).toArray();
    expect(told.map(({ kind, valueMinor }) => [kind, valueMinor]).sort()).toEqual([
      ["converted", 500],
      ["refunded", 50],
      ["refunded", 50],
    ]);
  });

  it("of what was never decided, or of somebody else's, goes to the dead letters and counts nowhere", async () => {
    const known = await letters();
    const nowhere = "a".repeat(26);
    const theirs = await api.decided("ada");
    for (const one of [displayed(nowhere), displayed(theirs, { userId: "eve" })])
      expect((await api.track(one)).code).toBe(0);
    await until(async () => (await letters()).length === known.length + 2, "two letters");
    expect((await letters()).at(-1)).toContain("never decided for this user");
    const ids = [`${nowhere}:displayed`, `${theirs}:displayed`];
    expect(await api.store.events.countDocuments({ _id: { $in: ids } })).toBe(0);
  });

  it("of another workspace's intervention is a dead letter there, and changes nothing here", async () => {
    const id = await api.decided("ada");
    expect((await api.callAsStranger("Track", { touchpoint: displayed(id) })).code).toBe(0);
    await until(
      async () => (await listDeadLetters(api.bus, { workspace: "other", after: 0, limit: 10 })).length === 1,
      "a letter",
    );
    expect(await api.store.events.countDocuments({ _id: `${id}:displayed` })).toBe(0);
  });
});
