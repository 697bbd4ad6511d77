import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { EventKind } from "../../gen/intervention/v1/event_pb.js";
import { State } from "../../gen/intervention/v1/intervention_pb.js";
import { ProviderReportSchema } from "../../gen/intervention/v1/provider_report_pb.js";
import { listDeadLetters, replayDeadLetter } from "../bus/index.ts";
import { CERTIFICATE_URL, type Fields, TOPIC } from "../channels/testing/sns.ts";
import { until } from "../testing/until.ts";
import { startCallbacks } from "./testing/start-callbacks.ts";

const AT = "2026-11-25T11:59:58.123Z";
const CHROME = "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

let engine: Awaited<ReturnType<typeof startCallbacks>>;
beforeAll(async () => {
  engine = await startCallbacks({ channel: "email", provider: "ses" });
});
afterAll(() => engine[Symbol.asyncDispose]());

const post = async (message: unknown, url = engine.url) => {
  const body = typeof message === "string" ? message : JSON.stringify(message);
  const answer = await fetch(url, { method: "POST", body, headers: { "content-type": "text/plain; charset=UTF-8" } });
  const text = await answer.text();
  return {
    status: answer.status,
    ...(text.startsWith("{") ? (JSON.parse(text) as { reason: string; message: string }) : {}),
  };
};
/** As SNS posts it. */
const tell = (event: Fields, url?: string) => post(engine.sns.notification(event), url);

const delivery = (messageId: string) => ({ eventType: "Delivery", mail: { messageId }, delivery: { timestamp: AT } });
const bounce = (messageId: string, emailAddress: string, bounceType = "Permanent") => ({
  eventType: "Bounce",
  mail: { messageId },
  bounce: {
    bounceType,
    bounceSubType: "General",
    timestamp: new Date().toISOString(),
    bouncedRecipients: [{ emailAddress }],
  },
});
const complaint = (messageId: string, emailAddress: string) => ({
  eventType: "Complaint",
  mail: { messageId },
  complaint: { timestamp: AT, complaintFeedbackType: "abuse", complainedRecipients: [{ emailAddress }] },
});
const open = (messageId: string, userAgent: string) => ({
  eventType: "Open",
  mail: { messageId },
  open: { timestamp: new Date().toISOString(), userAgent },
});

describe("what SES reports of a message", () => {
  it("is told of once, however often it comes, by its delivery's campaign", async () => {
    const { interventionId, messageId, sent } = await engine.decide();
    await sent();
    const message = engine.sns.notification(delivery(messageId));
    for (let n = 0; n < 3; n += 1) expect(await post(message)).toEqual({ status: 200 });
    expect(await tell(delivery(messageId))).toEqual({ status: 200 });
    expect(await engine.event(`${interventionId}:delivered`)).toMatchObject({
      ...{ kind: "delivered", campaign: "spring", channel: "email", userId: "ada", occurredAt: new Date(AT) },
    });
    await tell(open(messageId, CHROME));
    await engine.event(`${interventionId}:displayed`);
    expect((await engine.eventsOf(interventionId)).map(({ kind }) => kind)).toEqual(["delivered", "displayed"]);
  });

  it("is on the stream when it is answered, so that nobody's death loses it", async () => {
    const { messageId, sent } = await engine.decide();
    await sent();
    const before = await engine.lastTracked();
    expect(await tell(delivery(messageId))).toEqual({ status: 200 });
    expect(await engine.lastTracked()).toBe(before + 1);
  });

  it("suppresses an address that bounces for good for everything, and one that complains for marketing", async () => {
    const [bounced, complained] = [await engine.decide(), await engine.decide()];
    await bounced.sent();
    await complained.sent();
    await tell(delivery(bounced.messageId));
    await tell(bounce(bounced.messageId, "Gone@Example.com"));
    await tell(complaint(complained.messageId, "cross@example.com"));
    expect(await engine.standing("gone@example.com")).toMatchObject([
      { scope: "all", reason: "bounce", source: "ses" },
    ]);
    expect(await engine.standing("cross@example.com")).toMatchObject([{ scope: "marketing", reason: "complaint" }]);
    const event = await engine.event(`${bounced.interventionId}:bounced`);
    expect(event).toMatchObject({ reason: "Permanent/General", campaign: "spring" });
    await engine.event(`${bounced.interventionId}:delivered`);
    await engine.event(`${complained.interventionId}:complained`);
    expect(await engine.stateOf(bounced.interventionId)).toBe(State.BOUNCED);
    expect(await engine.stateOf(complained.interventionId)).toBe(State.DELIVERED);
  });

  it("suppresses an address for soft bounces only when three messages have come back, each counted once", async () => {
    const address = "full@example.com";
    for (let n = 1; n <= 3; n += 1) {
      expect(await engine.standing(address)).toEqual([]);
      const { interventionId, messageId, sent } = await engine.decide();
      await sent();
      for (let again = 0; again < 2; again += 1) await tell(bounce(messageId, address, "Transient"));
      await engine.event(`${interventionId}:bounced:soft`);
      expect(await engine.stateOf(interventionId)).toBe(State.BOUNCED);
    }
    expect(await engine.standing(address)).toMatchObject([{ scope: "all", reason: "bounce" }]);
  });

  it("suppresses nobody where the account is a sandbox: it was not his address that was written to", async () => {
    const sandboxTo = "Team@shop.example";
    const account = await engine.addAccount({ sandboxTo });
    const { interventionId, messageId, sent } = await engine.decide();
    await sent(account);
    const url = engine.urlOf(`${engine.workspace}/${account}`);
    expect(await tell(bounce(messageId, "team@shop.example"), url)).toEqual({ status: 200 });
    await engine.event(`${interventionId}:bounced`);
    expect(await engine.standing(sandboxTo)).toEqual([]);
  });

  it("counts a person's first look once and programs' beside it, and every click", async () => {
    const { interventionId, messageId, sent } = await engine.decide();
    await sent();
    for (const agent of [CHROME, CHROME, "Mozilla/5.0", "Mozilla/5.0"]) await tell(open(messageId, agent));
    const click = {
      ...open(messageId, CHROME),
      eventType: "Click",
      click: { timestamp: new Date().toISOString(), userAgent: CHROME },
    };
    const clicked = engine.sns.notification(click);
    for (const message of [clicked, clicked, engine.sns.notification(click)]) await post(message);
    const events = await until(async () => {
      const found = await engine.eventsOf(interventionId);
      return found.length >= 5 ? found : undefined;
    }, "all of it");
    expect(events.map(({ kind, actor }) => `${kind} ${actor}`).toSorted()).toEqual([
      ...["clicked person", "clicked person"],
      ...["displayed person", "displayed privacy_proxy", "displayed privacy_proxy"],
    ]);
  });

  it("says that a message which SES itself gave up has failed, though it was sent", async () => {
    const { interventionId, messageId, sent } = await engine.decide();
    await sent();
    await tell({ eventType: "Reject", mail: { messageId }, reject: { reason: "Bad content" } });
    expect(await engine.event(`${interventionId}:failed:rejected`)).toMatchObject({
      ...{ campaign: "spring", reason: "Reject: Bad content" },
    });
    expect(await engine.stateOf(interventionId)).toBe(State.FAILED);
  });
});

describe("a report that is faster than the record of the sending", () => {
  it("waits, and is told of when that is there", async () => {
    const { interventionId, messageId, sent } = await engine.decide();
    for (let n = 0; n < 3; n += 1) expect(await tell(delivery(messageId))).toEqual({ status: 200 });
    const waiting = await engine.bus.jsm.streams.info(engine.bus.subjects.stream("DELAYED"), {
      subjects_filter: `${engine.config.NAMESPACE}.later.report.>`,
    });
    expect(Object.values(waiting.state.subjects ?? {}).reduce((sum, count) => sum + count, 0)).toBe(1);
    await sent();
    await until(() => engine.store.events.findOne({ _id: `${interventionId}:delivered` }), "told of", 20_000);
  });

  it("suppresses at once, and goes to the dead letters when nobody ever has sent such a message; replayed, it is looked for again", async () => {
    const keeper = await engine.container.get(engine.services.reportKeeper);
    const { interventionId, messageId, sent } = await engine.decide();
    expect(await tell(bounce(messageId, "unknown@example.com"))).toEqual({ status: 200 });
    expect(await engine.standing("unknown@example.com")).toHaveLength(1);
    const last = {
      ...{ workspace: engine.workspace, accountId: engine.account },
      providerMessageId: messageId,
      tries: 4,
    };
    await keeper.keep([create(ProviderReportSchema, { ...last, kind: EventKind.BOUNCED })]);
    const listed = await listDeadLetters(engine.bus, { workspace: engine.workspace, after: 0, limit: 10 });
    expect(listed).toMatchObject([{ stream: "DELAYED", error: "nothing was sent by this name", attempts: 4 }]);
    expect(JSON.stringify(listed.map(({ data }) => Buffer.from(data).toString("latin1")))).not.toContain("unknown@");
    await sent();
    await replayDeadLetter(engine.bus, { workspace: engine.workspace, sequence: listed[0]?.sequence ?? 0 });
    await engine.event(`${interventionId}:bounced`);
  });

  it("is nobody's where the message went out by another account, or another workspace's", async () => {
    const { interventionId, messageId, sent } = await engine.decide();
    await sent(await engine.addAccount());
    const before = await engine.lastTracked();
    expect(await tell(delivery(messageId))).toEqual({ status: 200 });
    expect(await engine.lastTracked()).toBe(before);
    expect(await engine.eventsOf(interventionId)).toEqual([]);
  });
});

describe("the subscription of a topic", () => {
  it("is confirmed when the topic is on the account's list, by the address that SNS gives", async () => {
    const message = engine.sns.confirmation();
    expect(await post(message)).toEqual({ status: 200 });
    expect(engine.sns.fetched.at(-1)).toBe(message.SubscribeURL);
  });

  it("is not when it is not, and nobody is connected to", async () => {
    const before = engine.sns.fetched.length;
    for (const changes of [{ TopicArn: `${TOPIC}-2` }, { SubscribeURL: "https://evil.example/" }])
      expect(await post(engine.sns.confirmation(changes))).toMatchObject({ status: 403 });
    expect(await post(engine.sns.confirmation(), engine.urlOf(`${engine.workspace}/nobody`))).toMatchObject({
      status: 404,
    });
    expect(engine.sns.fetched).toHaveLength(before);
  });
});

describe("a bad callback is refused by what is wrong with it, and changes nothing", () => {
  const good = () => engine.sns.notification(bounce("m", "victim@example.com"));
  const cases: readonly (readonly [
    what: string,
    send: () => Promise<{ readonly status: number }>,
    status: number,
    says?: RegExp,
  ])[] = [
    ["no body", () => post(""), 400, /not JSON/],
    ["no JSON", () => post("{"), 400, /not JSON/],
    ["JSON of something else", () => post({ a: 1 }), 400, /no message of SNS: Type/],
    ["a message without a signature", () => post({ ...good(), Signature: undefined }), 400, /Signature/],
    ["an event without a message", () => tell({ eventType: "Bounce" }), 400, /mail/],
    ["an event of the wrong shape", () => tell({ ...bounce("m", "x"), bounce: [] }), 400, /bounce/],
    [
      "a changed message",
      () => post({ ...good(), Message: JSON.stringify(bounce("m", "other@example.com")) }),
      403,
      /signature/,
    ],
    [
      "another's signature",
      () => post({ ...good(), Signature: engine.sns.confirmation().Signature }),
      403,
      /signature/,
    ],
    [
      "a topic that is not on the list",
      () => post(engine.sns.sign({ ...good(), TopicArn: `${TOPIC}x` })),
      403,
      /sns_topics/,
    ],
    [
      "a signature by SHA-1",
      () => post(engine.sns.sign({ ...good(), SignatureVersion: "1" })),
      403,
      /SignatureVersion 2/,
    ],
    [
      "a message of yesterday",
      () => post(engine.sns.sign({ ...good(), Timestamp: new Date(Date.now() - 86_400_000).toISOString() })),
      ...([403, /signed 86400 s ago/] as const),
    ],
    [
      "a certificate of somebody else's",
      () => post({ ...good(), SigningCertURL: "https://sns.eu-central-1.amazonaws.com.evil.example/x.pem" }),
      ...([403, /certificate/] as const),
    ],
    [
      "an account that is not there",
      () => post(good(), engine.urlOf(`${engine.workspace}/pa_none`)),
      404,
      /no such account/,
    ],
    [
      "another workspace's account",
      () => post(good(), engine.urlOf(`other/${engine.account}`)),
      404,
      /no such account/,
    ],
    ["a body that is too large", () => post("x".repeat(600_001)), 413],
  ];

  test.each(cases.map(([what, send, status, says]) => ({ what, send, status, says })))(
    "$what: $status",
    async ({ send, status, says }) => {
      const before = await engine.snapshot();
      const answer = await send();
      expect(answer).toMatchObject({ status, ...(says === undefined ? {} : { message: expect.stringMatching(says) }) });
      expect(await engine.snapshot()).toBe(before);
      expect(await engine.standing("victim@example.com")).toEqual([]);
    },
  );

  it("an account without topics, a deleted one, and one with another provider", async () => {
    const [bare, gone, other] = [
      await engine.addAccount({ snsTopics: [] }),
      await engine.addAccount({ state: "deleted" }),
      await engine.addAccount({ provider: "smtp" }),
    ];
    const statuses = [];
    for (const id of [bare, gone, other])
      statuses.push((await post(good(), engine.urlOf(`${engine.workspace}/${id}`))).status);
    expect(statuses).toEqual([403, 404, 404]);
    expect(await engine.standing("victim@example.com")).toEqual([]);
  });

  it("comes again when SNS does not give its certificate now, and nothing is done before", async () => {
    const url = CERTIFICATE_URL.replace("0123", "4567");
    engine.sns.answer = async () => {
      throw new Error("ECONNREFUSED");
    };
    const message = { ...good(), SigningCertURL: url };
    expect(await post(message)).toMatchObject({ status: 503, reason: "UNAVAILABLE" });
    expect(await engine.standing("victim@example.com")).toEqual([]);
    engine.sns.answer = async () => ({ ok: true, text: engine.sns.certificate.pem });
    expect(await post(message)).toEqual({ status: 200 });
  });
});
