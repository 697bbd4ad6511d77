import { z } from "zod";
import { classifyActor } from "../../domain/tracking/classify-actor.ts";
import { parseSaid, type Report, toReason } from "./report.ts";

const text = z.string().max(10_000).default("");
const time = z.iso.datetime({ offset: true }).transform((value) => new Date(value));
const recipient = z.object({ emailAddress: z.string().max(500), status: text, diagnosticCode: text });
const looked = z.object({ timestamp: time, userAgent: text });

/** By the field of the event's own name; what is not listed is not looked at ("Contents of event data", SES developer guide). */
const schemas = {
  Delivery: z.object({ delivery: z.object({ timestamp: time }) }),
  Bounce: z.object({
    bounce: z.object({
      ...{ timestamp: time, bounceType: z.string(), bounceSubType: text },
      bouncedRecipients: z.array(recipient).max(100),
    }),
  }),
  Complaint: z.object({
    complaint: z.object({
      ...{ timestamp: time, complaintFeedbackType: text, complaintSubType: text.nullish() },
      complainedRecipients: z.array(z.object({ emailAddress: z.string().max(500) })).max(100),
    }),
  }),
  Open: z.object({ open: looked }),
  Click: z.object({ click: looked }),
  Reject: z.object({ reject: z.object({ reason: text }) }),
  "Rendering Failure": z.object({ failure: z.object({ errorMessage: text }) }),
} as const;
type EventName = keyof typeof schemas;

const envelope = z.object({
  /** Of event publishing. */
  eventType: z.string().max(100).optional(),
  /** Of feedback notifications. */
  notificationType: z.string().max(100).optional(),
  mail: z.object({ messageId: z.string().min(1).max(200) }),
});

/** Reads what Amazon SES says by SNS, be it an event or a feedback notification.
 *  @param options.id of the message of SNS. @param options.now when it came, for what has no time.
 *  @returns undefined for what says nothing of a message's fate, such as a delay.
 *  @throws CallbackRefused */
export function readSesReport(
  message: string,
  { id, now }: { readonly id: string; readonly now: Date },
): Report | undefined {
  // SES greets a new topic in words.
  if (!message.trimStart().startsWith("{")) return undefined;
  const parse = <T>(schema: z.ZodType<T>): T => parseSaid(schema, message, "event of SES");
  const { eventType, notificationType, mail } = parse(envelope);
  const name = eventType ?? notificationType ?? "";
  if (!isEventName(name)) return undefined;
  const common = { providerMessageId: mail.messageId, id, at: now, reason: "", addresses: [] };
  switch (name) {
    case "Delivery":
      return { ...common, kind: "delivered", at: parse(schemas.Delivery).delivery.timestamp };
    case "Bounce":
      return { ...common, ...toBounce(parse(schemas.Bounce).bounce) };
    case "Complaint":
      return toComplaint(parse(schemas.Complaint).complaint, common);
    case "Open":
      return { ...common, kind: "displayed", ...toLook(parse(schemas.Open).open, true) };
    case "Click":
      return { ...common, kind: "clicked", ...toLook(parse(schemas.Click).click, false) };
    case "Reject":
      return { ...common, kind: "rejected", reason: toReason(name, parse(schemas.Reject).reject.reason) };
    case "Rendering Failure":
      return { ...common, kind: "rejected", reason: toReason(name, parse(schemas[name]).failure.errorMessage) };
  }
}

const isEventName = (name: string): name is EventName => Object.hasOwn(schemas, name);

/** Only "Permanent" is; what SES can't tell may pass. */
function toBounce(bounce: z.output<typeof schemas.Bounce>["bounce"]) {
  const { timestamp: at, bounceType, bounceSubType, bouncedRecipients } = bounce;
  const [first] = bouncedRecipients;
  const addresses = bouncedRecipients.map(({ emailAddress }) => emailAddress);
  const said = {
    at,
    addresses,
    reason: toReason(`${bounceType}/${bounceSubType}`, first?.status, first?.diagnosticCode),
  };
  return bounceType === "Permanent"
    ? { ...said, kind: "bounced" as const, suppression: { scope: "all", reason: "bounce" } as const }
    : { ...said, kind: "soft_bounced" as const };
}

function toComplaint(
  complaint: z.output<typeof schemas.Complaint>["complaint"],
  common: Pick<Report, "providerMessageId" | "id">,
): Report | undefined {
  const { timestamp: at, complaintFeedbackType, complaintSubType, complainedRecipients } = complaint;
  // A reader has taken the mail out of his spam folder.
  if (complaintFeedbackType === "not-spam") return undefined;
  const said = {
    ...common,
    ...{ at, addresses: complainedRecipients.map(({ emailAddress }) => emailAddress) },
    suppression: { scope: "marketing", reason: "complaint" } as const,
  };
  // SES remembers an earlier complaint and has sent nothing.
  return complaintSubType === "OnAccountSuppressionList"
    ? { ...said, kind: "rejected", reason: toReason("Complaint", complaintSubType) }
    : { ...said, kind: "complained", reason: toReason(complaintFeedbackType) };
}

const toLook = ({ timestamp: at, userAgent }: z.output<typeof looked>, isPixel: boolean) => ({
  at,
  judged: classifyActor({ method: "GET", userAgent, purpose: "", isTrap: false, isPixel }),
});
