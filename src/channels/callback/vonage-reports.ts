import { z } from "zod";
import type { ReportKind } from "../../domain/delivery/report.ts";
import { parseSaid, type Report, toReason } from "./report.ts";

const text = z.string().max(2_000).default("");
const time = z.iso.datetime({ offset: true }).transform((value) => new Date(value));
const number = z.string().regex(/^[1-9]\d{6,14}$/);

const status = z.object({
  message_uuid: z.string().min(1).max(100),
  status: z.string().max(50),
  timestamp: time,
  to: z.string().max(100),
  // The title is the error's number.
  error: z.object({ type: text, title: z.union([text, z.number().transform(String)]), detail: text }).optional(),
});

const inbound = z.object({
  channel: z.string().max(50),
  message_type: z.string().max(50),
  timestamp: time,
  from: z.string().max(100),
  text: z.string().max(100_000).optional(),
});

/** What somebody has written. */
export type Inbound = {
  /** E.164. */
  readonly from: string;
  readonly text: string;
  readonly at: Date;
};

/** What an error says of the number ("API errors: Messages", Vonage developer documentation). All others are about the message, the sender
 *  or the network on the way. */
const ERRORS: Readonly<Record<string, { readonly kind: ReportKind; readonly suppression?: Report["suppression"] }>> = {
  // Barred, no number, no longer in use.
  1050: { kind: "bounced", suppression: { scope: "all", reason: "bounce" } },
  1170: { kind: "bounced", suppression: { scope: "all", reason: "bounce" } },
  1190: { kind: "bounced", suppression: { scope: "all", reason: "bounce" } },
  // Its owner has written STOP, and Vonage or the operator remembers it.
  1240: { kind: "bounced", suppression: { scope: "marketing", reason: "unsubscribe" } },
  // Switched off, busy, out of reach, without credit, until it was too late.
  1180: { kind: "soft_bounced" },
  1220: { kind: "soft_bounced" },
  1260: { kind: "soft_bounced" },
  1290: { kind: "soft_bounced" },
  1360: { kind: "soft_bounced" },
};

/** Reads what Vonage says of a message's status.
 *  @returns undefined for one that says nothing new, such as submitted. @throws CallbackRefused */
export function readVonageStatus(body: Uint8Array): Report | undefined {
  const { message_uuid, timestamp: at, to, error, ...said } = parse(status, body);
  const common = { providerMessageId: message_uuid, id: said.status, at, reason: "", addresses: [] };
  switch (said.status) {
    case "delivered":
      return { ...common, kind: "delivered" };
    case "read":
      return { ...common, kind: "displayed" };
    case "rejected":
    case "undeliverable": {
      const code = [error?.title, error?.type.split("#").at(-1)].find((one) => /^\d{4}$/.test(one ?? "")) ?? "";
      const known = Object.hasOwn(ERRORS, code) ? ERRORS[code] : undefined;
      const { kind = "rejected", suppression } = known ?? {};
      return {
        ...common,
        kind,
        reason: toReason(said.status, code, error?.detail),
        addresses: number.safeParse(to).success ? [`+${to}`] : [],
        ...(suppression === undefined ? {} : { suppression }),
      };
    }
    default:
      return undefined;
  }
}

/** Reads what somebody has written to a number of the account.
 *  @returns undefined for anything but text by SMS from a number. @throws CallbackRefused */
export function readVonageInbound(body: Uint8Array): Inbound | undefined {
  const { channel, message_type, timestamp: at, from, text: written = "" } = parse(inbound, body);
  if (channel !== "sms" || message_type !== "text" || !number.safeParse(from).success) return undefined;
  return { from: `+${from}`, text: written, at };
}

const parse = <T>(schema: z.ZodType<T>, body: Uint8Array): T =>
  parseSaid(schema, new TextDecoder().decode(body), "message of Vonage");
