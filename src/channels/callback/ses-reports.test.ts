import { describe, expect, it, test } from "vitest";
import { CallbackRefused, type Report } from "./report.ts";
import { readSesReport } from "./ses-reports.ts";

const now = new Date("2026-11-25T12:00:00Z");
const AT = "2026-11-25T11:59:58.123Z";
const read = (message: unknown) =>
  readSesReport(typeof message === "string" ? message : JSON.stringify(message), { id: "s1", now });
const mail = {
  ...{ timestamp: AT, source: "shop@example.com", messageId: "0100-m1", destination: ["ada@example.com"] },
  ...{ headersTruncated: false, headers: [{ name: "To", value: "ada@example.com" }], tags: { "ses:caller": ["x"] } },
};
const bounce = (bounceType: string, bounceSubType: string, diagnosticCode?: string) => ({
  eventType: "Bounce",
  mail,
  bounce: {
    ...{ bounceType, bounceSubType, timestamp: AT, feedbackId: "f1", reportingMTA: "dsn; mta.example.com" },
    bouncedRecipients: [{ emailAddress: "Ada@example.com", action: "failed", status: "5.1.1", diagnosticCode }],
  },
});
const complaint = (changes: object) => ({
  notificationType: "Complaint",
  mail,
  complaint: {
    timestamp: AT,
    feedbackId: "f1",
    complainedRecipients: [{ emailAddress: "ada@example.com" }],
    ...changes,
  },
});
const CHROME = "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

const common = { providerMessageId: "0100-m1", id: "s1", at: new Date(AT), addresses: [], reason: "" };
const hard = { addresses: ["Ada@example.com"], suppression: { scope: "all", reason: "bounce" } } as const;
const complained = {
  addresses: ["ada@example.com"],
  suppression: { scope: "marketing", reason: "complaint" },
} as const;

const cases: readonly { readonly what: string; readonly message: unknown; readonly report: Report | undefined }[] = [
  {
    what: "a delivery",
    message: { eventType: "Delivery", mail, delivery: { timestamp: AT, recipients: ["ada@example.com"] } },
    report: { ...common, kind: "delivered" },
  },
  {
    what: "a delivery, as feedback",
    message: { notificationType: "Delivery", mail, delivery: { timestamp: AT, smtpResponse: "250 ok" } },
    report: { ...common, kind: "delivered" },
  },
  {
    what: "a permanent bounce",
    message: bounce("Permanent", "General", "smtp; 550 5.1.1 <ada@example.com>: user\r\nunknown"),
    report: {
      ...common,
      ...hard,
      kind: "bounced",
      reason: "Permanent/General: 5.1.1: smtp; 550 5.1.1 <…>: user unknown",
    },
  },
  {
    what: "a bounce of an address that SES sends nothing to",
    message: bounce("Permanent", "OnAccountSuppressionList"),
    report: { ...common, ...hard, kind: "bounced", reason: "Permanent/OnAccountSuppressionList: 5.1.1" },
  },
  {
    what: "a transient bounce",
    message: bounce("Transient", "MailboxFull"),
    report: { ...common, addresses: hard.addresses, kind: "soft_bounced", reason: "Transient/MailboxFull: 5.1.1" },
  },
  {
    what: "an undetermined bounce",
    message: bounce("Undetermined", "Undetermined"),
    report: { ...common, addresses: hard.addresses, kind: "soft_bounced", reason: "Undetermined/Undetermined: 5.1.1" },
  },
  {
    what: "a complaint",
    message: complaint({ complaintFeedbackType: "abuse", complaintSubType: null, userAgent: "Yahoo!" }),
    report: { ...common, ...complained, kind: "complained", reason: "abuse" },
  },
  {
    what: "an earlier complaint that SES remembers",
    message: complaint({ complaintSubType: "OnAccountSuppressionList" }),
    report: { ...common, ...complained, kind: "rejected", reason: "Complaint: OnAccountSuppressionList" },
  },
  {
    what: "a reader who says that it is no spam",
    message: complaint({ complaintFeedbackType: "not-spam" }),
    report: undefined,
  },
  {
    what: "an open",
    message: { eventType: "Open", mail, open: { timestamp: AT, ipAddress: "192.0.2.1", userAgent: CHROME } },
    report: { ...common, kind: "displayed", judged: { actor: "person", evidence: "nothing speaks against it" } },
  },
  {
    what: "an open by a proxy",
    message: { eventType: "Open", mail, open: { timestamp: AT, userAgent: "Mozilla/5.0" } },
    report: {
      ...common,
      kind: "displayed",
      judged: { actor: "privacy_proxy", evidence: "user agent: Apple Mail Privacy Protection" },
    },
  },
  {
    what: "a click by a scanner",
    message: { eventType: "Click", mail, click: { timestamp: AT, link: "https://x.example", userAgent: "Mimecast/1" } },
    report: { ...common, kind: "clicked", judged: { actor: "scanner", evidence: "user agent: Mimecast" } },
  },
  {
    what: "a virus",
    message: { eventType: "Reject", mail, reject: { reason: "Bad content" } },
    report: { ...common, at: now, kind: "rejected", reason: "Reject: Bad content" },
  },
  {
    what: "a template that could not be rendered",
    message: { eventType: "Rendering Failure", mail, failure: { templateName: "t", errorMessage: "no {{name}}" } },
    report: { ...common, at: now, kind: "rejected", reason: "Rendering Failure: no {{name}}" },
  },
  { what: "that it was sent", message: { eventType: "Send", mail, send: {} }, report: undefined },
  {
    what: "a delay",
    message: { eventType: "DeliveryDelay", mail, deliveryDelay: { timestamp: AT, delayType: "MailboxFull" } },
    report: undefined,
  },
  { what: "a kind that is not known", message: { eventType: "constructor", mail }, report: undefined },
  {
    what: "a greeting",
    message: "Successfully validated SNS topic for Amazon SES event publishing.",
    report: undefined,
  },
];

const malformed: readonly unknown[] = [
  "{",
  "{}",
  { eventType: "Delivery" },
  { eventType: "Delivery", mail: { messageId: "" }, delivery: { timestamp: AT } },
  { eventType: "Delivery", mail },
  { eventType: "Delivery", mail, delivery: { timestamp: "yesterday" } },
  { eventType: "Bounce", mail, bounce: { bounceType: 5, timestamp: AT, bouncedRecipients: [] } },
  { eventType: "Bounce", mail, bounce: { bounceType: "Permanent", timestamp: AT, bouncedRecipients: [{}] } },
  { eventType: "Open", mail, open: { timestamp: AT, userAgent: ["x"] } },
];

describe("what SES tells", () => {
  test.each(cases)("of $what", ({ message, report }) => expect(read(message)).toEqual(report));

  it("is malformed where anything that is looked at is missing or of another type", () => {
    for (const message of malformed)
      expect(() => read(message), JSON.stringify(message)).toThrow(
        expect.objectContaining({ constructor: CallbackRefused, reason: "malformed" }),
      );
  });
});
