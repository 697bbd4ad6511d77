import fc from "fast-check";
import { MongoNetworkError } from "mongodb";
import { afterAll, beforeAll, describe, expect, it, test, vi } from "vitest";
import { State } from "../../gen/intervention/v1/intervention_pb.js";
import { signVonage, VONAGE, vonageInbound, vonageStatus } from "../channels/testing/vonage.ts";
import { followWish, insertSuppressions, toAddressHash } from "../store/index.ts";
import { until } from "../testing/until.ts";
import { startCallbacks } from "./testing/start-callbacks.ts";

const CREDENTIAL = { ...VONAGE, privateKey: "-----BEGIN PRIVATE KEY-----" };

let engine: Awaited<ReturnType<typeof startCallbacks>>;
beforeAll(async () => {
  engine = await startCallbacks({ channel: "sms", provider: "vonage" }, CREDENTIAL);
});
afterAll(() => engine[Symbol.asyncDispose]());

type Signed = { readonly body: string; readonly authorization?: string };
const post = async ({ body, authorization }: Signed, path: "/status" | "/inbound", url = engine.url) => {
  const headers = { "content-type": "application/json", ...(authorization === undefined ? {} : { authorization }) };
  const answer = await fetch(`${url}${path}`, { method: "POST", body, headers });
  const text = await answer.text();
  return {
    status: answer.status,
    ...(text.startsWith("{") ? (JSON.parse(text) as { reason: string; message: string }) : {}),
  };
};
/** As Vonage posts it. */
const tell = async (status: unknown) => post(await signVonage(status), "/status");

let numbers = 447_700_900_000;
/** As Vonage writes it, of nobody else. */
const newNumber = () => {
  numbers += 1;
  return String(numbers);
};
const write = async (from: string, text: string, at = new Date()) =>
  post(await signVonage(vonageInbound(from, text, { timestamp: at.toISOString() })), "/inbound");
const standing = (number: string) => engine.standing(`+${number}`);

describe("what Vonage reports of a message", () => {
  it("is told of once, however often and in whatever order it comes, by its delivery's campaign", async () => {
    const { interventionId, messageId, sent } = await engine.decide();
    await sent();
    const delivered = await signVonage(vonageStatus(messageId, "delivered"));
    for (let n = 0; n < 3; n += 1) expect(await post(delivered, "/status")).toEqual({ status: 200 });
    expect(await tell(vonageStatus(messageId, "delivered"))).toEqual({ status: 200 });
    expect(await tell(vonageStatus(messageId, "submitted"))).toEqual({ status: 200 });
    expect(await engine.event(`${interventionId}:delivered`)).toMatchObject({
      ...{ kind: "delivered", campaign: "spring", channel: "sms", userId: "ada" },
    });
    expect((await engine.eventsOf(interventionId)).map(({ kind }) => kind)).toEqual(["delivered"]);
    expect(await engine.stateOf(interventionId)).toBe(State.DELIVERED);
  });

  it("that is faster than the record of the sending waits for it", async () => {
    const { interventionId, messageId, sent } = await engine.decide();
    expect(await tell(vonageStatus(messageId, "delivered"))).toEqual({ status: 200 });
    await sent();
    await until(() => engine.store.events.findOne({ _id: `${interventionId}:delivered` }), "told of", 20_000);
  });

  it("suppresses a number that is no longer in use, and leaves one alone that was switched off", async () => {
    const [gone, off] = [await engine.decide(), await engine.decide()];
    const [goneNumber, offNumber] = [newNumber(), newNumber()];
    for (const [{ messageId, sent }, to, title] of [
      [gone, goneNumber, 1190],
      [off, offNumber, 1180],
    ] as const) {
      await sent();
      await tell(vonageStatus(messageId, "undeliverable", { to, error: { title, detail: `no ${to}` } }));
    }
    expect(await engine.event(`${gone.interventionId}:bounced`)).toMatchObject({ reason: "undeliverable: 1190: no …" });
    await engine.event(`${off.interventionId}:bounced:soft`);
    expect(await standing(goneNumber)).toMatchObject([{ scope: "all", reason: "bounce", source: "vonage" }]);
    expect(await standing(offNumber)).toEqual([]);
    expect(await engine.stateOf(off.interventionId)).toBe(State.BOUNCED);
  });
});

describe("a number that writes", () => {
  test.each(["STOP", "stopp!", "Arrêt", "baja", "Disiscrivimi", "rezygnuję"])(
    "%j gets no more marketing, and gets it again when it writes START",
    async (word) => {
      const number = newNumber();
      expect(await write(number, word)).toEqual({ status: 200 });
      expect(await standing(number)).toMatchObject([{ scope: "marketing", reason: "unsubscribe", source: "vonage" }]);
      expect(await write(number, "START")).toEqual({ status: 200 });
      expect(await standing(number)).toEqual([]);
    },
  );

  test.each(["HELP", "Can I stop by today?", "yes", ""])(
    "%j is the shop's to answer, and changes nothing",
    async (text) => {
      const before = await engine.snapshot();
      expect(await write(newNumber(), text)).toEqual({ status: 200 });
      expect(await engine.snapshot()).toBe(before);
    },
  );

  it("STOP, whose START comes once more afterwards, stays without", async () => {
    const number = newNumber();
    const [first, second] = [new Date(Date.now() - 20_000), new Date(Date.now() - 10_000)];
    const start = await signVonage(vonageInbound(number, "START", { timestamp: first.toISOString() }));
    await post(start, "/inbound");
    await write(number, "STOP", second);
    expect(await post(start, "/inbound")).toEqual({ status: 200 });
    expect(await standing(number)).toHaveLength(1);
  });

  it("STOP while the store does not answer is told to come again, and nothing is lost by it", async () => {
    const number = newNumber();
    const stop = await signVonage(vonageInbound(number, "STOP"));
    const broken = vi.spyOn(engine.store.suppressions, "insertMany");
    broken.mockRejectedValueOnce(new MongoNetworkError("the connection broke"));
    expect(await post(stop, "/inbound")).toMatchObject({ status: 503, reason: "UNAVAILABLE" });
    expect(await standing(number)).toEqual([]);
    expect(await post(stop, "/inbound")).toEqual({ status: 200 });
    broken.mockRestore();
    expect(await standing(number)).toHaveLength(1);
  });

  it("START is not sent to all the same when the number is dead, or its owner has complained", async () => {
    const number = newNumber();
    const address = { channel: "sms", address: `+${number}`, source: "shop" } as const;
    const said = [
      { ...address, scope: "all", reason: "dead" },
      { ...address, scope: "marketing", reason: "complaint" },
    ] as const;
    await insertSuppressions(engine.store, engine.workspaceDocument, said, new Date(0));
    await write(number, "START");
    expect((await standing(number)).map(({ reason }) => reason).toSorted()).toEqual(["complaint", "dead"]);
  });

  it("is left as its newest word says, in whatever order and however often words come, also at once", async () => {
    const word = fc.record({ wish: fc.constantFrom("stop" as const, "start" as const), at: fc.nat({ max: 4 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(word, { minLength: 1, maxLength: 6 }), fc.boolean(), async (words, isAtOnce) => {
        const address = { channel: "sms", address: `+${newNumber()}` } as const;
        const hash = toAddressHash(engine.workspaceDocument, address);
        const say = ({ wish, at }: (typeof words)[number]) =>
          followWish(engine.store, {
            ...{ workspaceId: engine.workspace, channel: "sms", hash, wish, at: new Date(at), source: "t" },
          });
        if (isAtOnce) await Promise.all(words.map(say));
        else for (const one of words) await say(one);
        const newest = Math.max(...words.map(({ at }) => at));
        const isStopped = words.some(({ at, wish }) => at === newest && wish === "stop");
        expect(await engine.standing(address.address)).toHaveLength(isStopped ? 1 : 0);
      }),
      { numRuns: 60 },
    );
  });
});

describe("a bad callback is refused by what is wrong with it, and changes nothing", () => {
  const victim = newNumber();
  const good = (changes: Readonly<Record<string, unknown>> = {}, options = {}) =>
    signVonage(vonageInbound(victim, "STOP"), changes, options);
  const cases: readonly (readonly [
    what: string,
    send: () => Promise<{ readonly status: number }>,
    status: number,
    says?: RegExp,
  ])[] = [
    ["no token", async () => post({ body: (await good()).body }, "/inbound"), 503, /signs what it sends/],
    [
      "a token of another kind",
      async () => post({ ...(await good()), authorization: "Basic YTpi" }, "/inbound"),
      ...([403, /no bearer token/] as const),
    ],
    [
      "another's secret",
      async () => post(await good({}, { secret: "the-secret-of-somebody-else" }), "/inbound"),
      ...([403, /signature secret/] as const),
    ],
    [
      "a changed body",
      async () => post({ ...(await good()), body: JSON.stringify(vonageInbound(victim, "stop")) }, "/inbound"),
      ...([403, /not the one that was signed/] as const),
    ],
    [
      "a status's token for something that was written",
      async () => {
        const { authorization } = await signVonage(vonageStatus("m", "delivered"));
        return post({ ...(await good()), authorization }, "/inbound");
      },
      ...([403, /not the one that was signed/] as const),
    ],
    ["another account's token", async () => post(await good({ api_key: "other" }), "/inbound"), 403, /another account/],
    [
      "a token of yesterday",
      async () => post(await good({ iat: Math.floor(Date.now() / 1_000) - 86_400 }), "/inbound"),
      ...([403, /signed 8640\d s ago/] as const),
    ],
    ["no JSON", async () => post(await signVonage("{"), "/inbound"), 400, /not JSON/],
    [
      "a status where words are expected",
      async () => post(await signVonage(vonageStatus("m", "read")), "/inbound"),
      400,
      /message_type/,
    ],
    ["words where a status is expected", async () => post(await good(), "/status"), 400, /status/],
    [
      "another workspace's account",
      async () => post(await good(), "/inbound", engine.urlOf(`other/${engine.account}`)),
      ...([404, /no such account/] as const),
    ],
    ["a body that is too large", async () => post(await signVonage("x".repeat(65_537)), "/inbound"), 413],
  ];

  test.each(cases.map(([what, send, status, says]) => ({ what, send, status, says })))(
    "$what: $status",
    async ({ send, status, says }) => {
      const before = await engine.snapshot();
      const answer = await send();
      expect(answer).toMatchObject({ status, ...(says === undefined ? {} : { message: expect.stringMatching(says) }) });
      expect(await engine.snapshot()).toBe(before);
      expect(await standing(victim)).toEqual([]);
    },
  );

  it("an account that has not said by what Vonage signs", async () => {
    const bare = await engine.addAccount({ provider: "vonage" }, { applicationId: VONAGE.applicationId });
    const answer = await post(await good(), "/inbound", engine.urlOf(`${engine.workspace}/${bare}`));
    expect(answer).toMatchObject({ status: 403, message: expect.stringMatching(/apiKey and signatureSecret/) });
    expect(await standing(victim)).toEqual([]);
  });
});
