import { EventEmitter } from "node:events";
import https from "node:https";
import MessageValidator from "sns-validator";
import { afterEach, describe, expect, it, test, vi } from "vitest";
import { Unavailable } from "../../domain/errors.ts";
import { makeSelfSigned } from "../testing/self-signed.ts";
import { CERTIFICATE_URL, FakeSns, type Fields, TOPIC } from "../testing/sns.ts";
import { CallbackRefused } from "./report.ts";
import { SnsClient } from "./sns-client.ts";
import { checkSnsMessage, parseSnsMessage, verifySnsMessage } from "./sns-message.ts";

const sns = new FakeSns();
const stranger = makeSelfSigned();
const said = { eventType: "Delivery", mail: { messageId: "m1" }, text: "ä “quoted”\n\u{1F600}" };
const bodyOf = (message: unknown) => new TextEncoder().encode(JSON.stringify(message));

/** What became of it here. */
async function ours(message: Fields): Promise<string> {
  try {
    const parsed = parseSnsMessage(bodyOf(message));
    checkSnsMessage(parsed, { topics: [TOPIC], now: new Date() });
    verifySnsMessage(parsed, await new SnsClient({ fetch: sns.fetch }).getKey(parsed.SigningCertURL));
    return "taken";
  } catch (error) {
    if (error instanceof CallbackRefused) return error.reason;
    throw error;
  }
}

/** What AWS's own validator says, which reads the certificate by `https.get`. */
function theirs(message: Fields): Promise<string> {
  vi.spyOn(https, "get").mockImplementation((...given: readonly unknown[]) => {
    const response = Object.assign(new EventEmitter(), { statusCode: 200 });
    const done = given.find((one) => typeof one === "function");
    done?.(response);
    response.emit("data", Buffer.from(sns.certificate.pem));
    response.emit("end");
    return Object.assign(new EventEmitter()) as unknown as ReturnType<typeof https.get>;
  });
  return new Promise((resolve) => {
    new MessageValidator().validate({ ...message }, (error) => resolve(error === null ? "taken" : "refused"));
  });
}

afterEach(() => void vi.restoreAllMocks());

const good = sns.notification(said);
const { Subject: _, ...withoutSubject } = good;
const cases: readonly {
  readonly what: string;
  readonly message: Fields;
  readonly verdict: string;
  readonly isTheirs?: boolean;
}[] = [
  { what: "a notification", message: good, verdict: "taken" },
  { what: "one without a subject", message: sns.sign({ Type: "Notification", Message: "{}" }), verdict: "taken" },
  { what: "the confirmation of a subscription", message: sns.confirmation(), verdict: "taken" },
  ...(["Message", "MessageId", "Timestamp", "TopicArn", "Subject"] as const).map((name) => ({
    what: `one whose ${name} was changed`,
    message: { ...good, [name]: name === "Timestamp" ? new Date(Date.now() - 1_000).toISOString() : `${good[name]}x` },
    verdict: "forged",
  })),
  { what: "one whose subject was taken out", message: withoutSubject, verdict: "forged" },
  {
    what: "one that was given another type",
    message: { ...sns.confirmation(), Type: "Notification" },
    verdict: "forged",
  },
  {
    what: "one signed by somebody else",
    message: sns.sign({ Type: "Notification", Message: "{}" }, stranger.privateKey),
    verdict: "forged",
  },
  { what: "one with a signature that is none", message: { ...good, Signature: "AAAA" }, verdict: "forged" },
  {
    what: "one with a certificate elsewhere",
    message: { ...good, SigningCertURL: "https://evil.example/x.pem" },
    verdict: "forged",
  },
  {
    what: "one with a certificate on a host that only begins so",
    message: { ...good, SigningCertURL: "https://sns.eu-central-1.amazonaws.com.evil.example/x.pem" },
    verdict: "forged",
  },
  {
    what: "one with a certificate by http",
    message: { ...good, SigningCertURL: CERTIFICATE_URL.replace("s:", ":") },
    verdict: "forged",
  },
  { what: "one without a signature", message: { ...good, Signature: undefined }, verdict: "malformed" },
  { what: "one of another version", message: { ...good, SignatureVersion: "3" }, verdict: "forged" },
];

/** What is judged otherwise than by AWS's own validator, which asks for less, and leaves the token out of what ends a subscription. */
const stricter: readonly { readonly what: string; readonly message: Fields; readonly verdict: string }[] = [
  {
    what: "that ends a subscription",
    message: sns.confirmation({ Type: "UnsubscribeConfirmation" }),
    verdict: "taken",
  },
  { what: "signed by SHA-1", message: sns.notification(said, { SignatureVersion: "1" }), verdict: "forged" },
  {
    what: "of a topic that is not on the list",
    message: sns.notification(said, { TopicArn: `${TOPIC}-other` }),
    verdict: "forged",
  },
  {
    what: "of an hour ago",
    message: sns.notification(said, { Timestamp: new Date(Date.now() - 3_601_000).toISOString() }),
    verdict: "forged",
  },
  {
    what: "of a time that is yet to come",
    message: sns.notification(said, { Timestamp: new Date(Date.now() + 600_000).toISOString() }),
    verdict: "forged",
  },
  {
    what: "whose certificate is of another region",
    message: { ...good, SigningCertURL: CERTIFICATE_URL.replace("eu-central-1", "us-east-1") },
    verdict: "forged",
  },
  {
    what: "whose certificate's URL has a user in it",
    message: { ...good, SigningCertURL: CERTIFICATE_URL.replace("//", "//x:y@") },
    verdict: "forged",
  },
  {
    what: "whose certificate's URL has a path",
    message: { ...good, SigningCertURL: CERTIFICATE_URL.replace(".com/", ".com/a/") },
    verdict: "forged",
  },
  {
    what: "that confirms elsewhere",
    message: sns.confirmation({ SubscribeURL: "https://evil.example/" }),
    verdict: "forged",
  },
  {
    what: "that confirms in another region",
    message: sns.confirmation({ SubscribeURL: "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription" }),
    verdict: "forged",
  },
];

describe("a message of SNS", () => {
  test.each(cases)("$what is $verdict, and AWS's own validator agrees", async ({ message, verdict }) => {
    expect(await ours(message)).toBe(verdict);
    expect(await theirs(message)).toBe(verdict === "taken" ? "taken" : "refused");
  });

  test.each(stricter)("$what is $verdict, whatever others say", async ({ message, verdict }) => {
    expect(await ours(message)).toBe(verdict);
  });

  it("that is no JSON, or of no known type, is malformed", () => {
    for (const body of ["", "no", "[]", "null", `{"Type":"Notification"}`, JSON.stringify({ ...good, Type: "Other" })])
      expect(() => parseSnsMessage(new TextEncoder().encode(body)), body).toThrow(
        expect.objectContaining({ reason: "malformed" }),
      );
  });
});

describe("a certificate of SNS", () => {
  const client = (answer: () => Promise<{ ok: boolean; text: string }>, now = () => new Date()) => {
    const fetched: string[] = [];
    const fetch = (url: string) => {
      fetched.push(url);
      return answer();
    };
    return { fetched, client: new SnsClient({ fetch, now }) };
  };

  it("is read once by all who ask, and again after a day", async () => {
    let now = new Date();
    const { pem } = makeSelfSigned({ to: new Date(now.getTime() + 10 * 86_400_000) });
    const parts = client(
      async () => ({ ok: true, text: pem }),
      () => now,
    );
    await Promise.all(Array.from({ length: 20 }, () => parts.client.getKey(CERTIFICATE_URL)));
    await parts.client.getKey(CERTIFICATE_URL);
    expect(parts.fetched).toHaveLength(1);
    now = new Date(now.getTime() + 86_400_001);
    await parts.client.getKey(CERTIFICATE_URL);
    expect(parts.fetched).toHaveLength(2);
  });

  it("that is over, not yet in force, or none is refused", async () => {
    const [past, later] = [new Date(Date.now() - 1_000), new Date(Date.now() + 60_000)];
    const bad = [makeSelfSigned({ to: past }).pem, makeSelfSigned({ from: later }).pem, "nothing", ""];
    for (const text of bad)
      await expect(client(async () => ({ ok: true, text })).client.getKey(CERTIFICATE_URL)).rejects.toThrow(
        CallbackRefused,
      );
    await expect(client(async () => ({ ok: false, text: sns.certificate.pem })).client.getKey("u")).rejects.toThrow(
      CallbackRefused,
    );
  });

  it("that can't be read is asked for again, and no more than four at once", async () => {
    let isDown = true;
    const parts = client(async () => {
      if (isDown) throw new Error("ECONNREFUSED");
      return { ok: true, text: sns.certificate.pem };
    });
    await expect(parts.client.getKey(CERTIFICATE_URL)).rejects.toThrow(Unavailable);
    isDown = false;
    await parts.client.getKey(CERTIFICATE_URL);
    const { promise, resolve } = Promise.withResolvers<{ ok: boolean; text: string }>();
    const slow = client(() => promise);
    const asked = Array.from({ length: 10 }, (_, n) => slow.client.getKey(`${CERTIFICATE_URL}?${n}`));
    resolve({ ok: true, text: sns.certificate.pem });
    const results = await Promise.allSettled(asked);
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(4);
    expect(slow.fetched).toHaveLength(4);
  });
});
