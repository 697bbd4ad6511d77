import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { simpleParser } from "mailparser";
import { describe, expect, it } from "vitest";
import { startAnswering } from "../testing/answering-server.ts";
import { inTime, outgoing } from "../testing/outgoing.ts";
import { sesProvider } from "./ses.ts";

// CommonJS whose types say that it is not.
const { default: startEmulator } = createRequire(import.meta.url)(
  "aws-ses-v2-local",
) as typeof import("aws-ses-v2-local");

const credential = { region: "eu-west-1", accessKeyId: "AKIDEXAMPLE", secretAccessKey: "not-so-secret" };
const open = (endpoint: string) => sesProvider({ allowPrivate: true }).open({ ...credential, endpoint });
/** As SES answers by the query protocol ("Common Errors" of its API reference). */
const toErrorXml = (code: string, message: string) =>
  `<ErrorResponse xmlns="http://ses.amazonaws.com/doc/2010-12-01/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>r</RequestId></ErrorResponse>`;
const xml = { "content-type": "text/xml" };

describe("ses", () => {
  it("hands raw MIME to an emulator that others wrote, and tells its id", async () => {
    const emulator = await startEmulator({ port: 0 });
    const { port } = emulator.address() as AddressInfo;
    const endpoint = `http://127.0.0.1:${port}`;
    const sender = open(endpoint);
    const results = await sender.send([outgoing("email", "ada@example.com")], inTime());
    expect(results).toMatchObject([{ kind: "sent", providerMessageId: expect.stringMatching(/.+/) }]);
    const { emails } = (await (await fetch(`${endpoint}/store`)).json()) as { emails: Record<string, unknown>[] };
    expect(emails).toMatchObject([
      { subject: "Ihr Warenkorb: 2 Stühle für 99 €", body: { text: expect.stringContaining("Größe") } },
    ]);
    await sender.close();
    await new Promise((resolve) => emulator.close(resolve));
  });

  it("signs its calls, names sender and recipient in the envelope, and sends what a parser reads", async () => {
    await using server = await startAnswering(() => ({
      ...{ status: 200, headers: xml },
      body: '<SendRawEmailResponse xmlns="http://ses.amazonaws.com/doc/2010-12-01/"><SendRawEmailResult><MessageId>m-1</MessageId></SendRawEmailResult></SendRawEmailResponse>',
    }));
    const sender = open(server.url);
    expect(await sender.send([outgoing("email", "ada@example.com")], inTime())).toEqual([
      { kind: "sent", providerMessageId: "m-1" },
    ]);
    await sender.close();
    const [asked] = server.asked;
    expect(asked?.headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-west-1\/ses\/aws4_request, /,
    );
    const form = new URLSearchParams(asked?.body.toString());
    expect(Object.fromEntries(form)).toMatchObject({
      ...{ Action: "SendRawEmail", Version: "2010-12-01", Source: "shop@shop.example" },
      "Destinations.member.1": "ada@example.com",
    });
    const mail = await simpleParser(Buffer.from(form.get("RawMessage.Data") ?? "", "base64"));
    expect(mail.subject).toBe("Ihr Warenkorb: 2 Stühle für 99 €");
    expect(JSON.stringify(server.asked)).not.toContain(credential.secretAccessKey);
  });

  it.each([
    ["Throttling", 400, "Maximum sending rate exceeded.", "retry"],
    ["Throttling", 400, "Daily message quota exceeded.", "retry"],
    ["ServiceUnavailable", 503, "Unavailable", "retry"],
    ["MessageRejected", 400, "Email address is not verified: ada@example.com", "give_up"],
    ["InvalidParameterValue", 400, "Missing final '@domain'", "give_up"],
    ["MailFromDomainNotVerifiedException", 400, "not verified", "bad_credential"],
    ["ConfigurationSetDoesNotExist", 400, "does not exist", "bad_credential"],
    ["AccountSendingPausedException", 400, "Sending paused", "bad_credential"],
    ["SignatureDoesNotMatch", 403, "The request signature does not match", "bad_credential"],
    ["InvalidClientTokenId", 403, "The security token is invalid", "bad_credential"],
    ["AccessDenied", 403, "not authorized to perform ses:SendRawEmail", "bad_credential"],
    ["InternalFailure", 500, "unknown error", "unknown"],
  ] as const)("takes %s (%i, %s) as %s", async (code, status, message, kind) => {
    await using server = await startAnswering(() => ({ status, headers: xml, body: toErrorXml(code, message) }));
    const sender = open(server.url);
    const [result] = await sender.send([outgoing("email", "ada@example.com")], inTime());
    expect(result).toMatchObject({ kind, reason: expect.stringContaining(code) });
    expect(JSON.stringify(result)).not.toContain("ada@example.com");
    expect(server.asked).toHaveLength(1);
    if (kind === "bad_credential") expect(await sender.check(inTime())).toMatchObject({ ok: false });
    await sender.close();
  });

  it("checks a credential by a look at its quota", async () => {
    await using server = await startAnswering(() => ({
      ...{ status: 200, headers: xml },
      body: '<GetSendQuotaResponse xmlns="http://ses.amazonaws.com/doc/2010-12-01/"><GetSendQuotaResult><Max24HourSend>200</Max24HourSend></GetSendQuotaResult></GetSendQuotaResponse>',
    }));
    const sender = open(server.url);
    expect(await sender.check(inTime())).toEqual({ ok: true });
    expect(server.asked.map(({ body }) => new URLSearchParams(body.toString()).get("Action"))).toEqual([
      "GetSendQuota",
    ]);
    await sender.close();
  });

  it("does not know what became of a call that breaks or takes too long, and tries again where nobody listens", async () => {
    const server = await startAnswering((_, socket) => void socket.destroy());
    const sender = open(server.url);
    const message = [outgoing("email", "ada@example.com")];
    expect(await sender.send(message, inTime())).toMatchObject([{ kind: "unknown" }]);
    await server[Symbol.asyncDispose]();
    expect(await sender.send(message, inTime())).toMatchObject([{ kind: "retry" }]);
    await sender.close();
    await using slow = await startAnswering(() => undefined);
    const waiting = open(slow.url);
    expect(await waiting.send(message, inTime(300))).toMatchObject([{ kind: "unknown" }]);
    await waiting.close();
  });
});
