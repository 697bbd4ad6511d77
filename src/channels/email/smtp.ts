import { connect, type Socket } from "node:net";
import { Readable } from "node:stream";
import type { Transporter } from "nodemailer";
import { z } from "zod";
import { lookupPublic, refusePrivateLiteral } from "../../integrations/public-hosts.ts";
import { type KnownProvider, toKnownProvider } from "../known-provider.ts";
import { fieldOf, oneByOne, textOf, withinTime } from "../one-by-one.ts";
import type { OutgoingMessage, Sender, SendResult } from "../provider.ts";
import { toEnvelopeFrom, toMime } from "./to-mime.ts";

const credential = z.object({
  host: z.string().min(1).max(253),
  port: z.coerce.number().int().min(1).max(65_535).default(587),
  /** TLS from the first byte on; otherwise STARTTLS, without which nothing is sent. */
  secure: z.union([z.boolean(), z.enum(["true", "false"]).transform((text) => text === "true")]).default(false),
  /** Neither: a server that knows us otherwise. */
  user: z.string().max(320).default(""),
  password: z.string().max(1_000).default(""),
});
type Credential = z.output<typeof credential>;

const CONNECTIONS = 4;
const TIMEOUT_MS = 30_000;

/** Any mail server that takes messages by SMTP (RFC 5321). What its answers mean follows RFC 3463's enhanced codes.
 *  @param options.allowPrivate whether the server may be in a network of our own, and without TLS. */
export function smtpProvider({ allowPrivate }: { readonly allowPrivate: boolean }): KnownProvider {
  return toKnownProvider({
    name: "smtp",
    channel: "email",
    credential,
    // RFC 5321, section 4.5.3.2, has minutes for each answer; a server that is well takes a second.
    limits: { batchMax: 20, ratePerS: 20, concurrency: 4, messageBytesMax: 10 * 1_048_576, timeoutMs: TIMEOUT_MS },
    open: (given) => openSmtp(given, allowPrivate),
  });
}

function openSmtp(given: Credential, allowPrivate: boolean): Sender<"email"> {
  if (!allowPrivate) refusePrivateLiteral(new URL(`smtp://${given.host}`));
  let opening: Promise<Transporter> | undefined;
  const transport = () => (opening ??= createTransport(given, allowPrivate));
  return {
    check: async () => {
      try {
        await (await transport()).verify();
        return { ok: true };
      } catch (error) {
        return { ok: false, reason: toWords(error) };
      }
    },
    send: (messages, signal) =>
      oneByOne(messages, {
        ...{ atOnce: CONNECTIONS, signal },
        send: async (message) => sendOne(await transport(), message, signal),
        toResult: (error) => ({ kind: "give_up", reason: toWords(error) }),
      }),
    close: async () => (await opening)?.close(),
  };
}

async function createTransport(given: Credential, allowPrivate: boolean): Promise<Transporter> {
  const { createTransport: create } = await import("nodemailer");
  const { host, port, secure, user, password } = given;
  return create({
    ...{ host, port, secure, pool: true, maxConnections: CONNECTIONS, maxMessages: 100 },
    ...{
      requireTLS: !secure && !allowPrivate,
      connectionTimeout: 10_000,
      greetingTimeout: 10_000,
      socketTimeout: 20_000,
    },
    ...(user === "" ? {} : { auth: { user, pass: password } }),
    ...(allowPrivate
      ? {}
      : {
          getSocket: (_: unknown, done: (error: Error | null, given?: { connection: Socket }) => void) => {
            const socket = connect({ host, port, lookup: lookupPublic });
            socket.once("error", done);
            socket.once("connect", () => {
              socket.off("error", done);
              done(null, { connection: socket });
            });
          },
        }),
  });
}

async function sendOne(
  transport: Transporter,
  message: OutgoingMessage<"email">,
  signal: AbortSignal,
): Promise<SendResult> {
  const mime = await toMime(message);
  let isRead = false;
  // The server asks for it after it has taken sender and recipient: from then on it may have the message.
  const raw = Readable.from(
    (function* () {
      isRead = true;
      yield mime;
    })(),
  );
  const envelope = { from: toEnvelopeFrom(message.content.from), to: message.to };
  try {
    const { response } = await withinTime(transport.sendMail({ envelope, raw }), signal);
    return { kind: "sent", providerMessageId: textOf(response).slice(0, 200) };
  } catch (error) {
    return toSmtpResult(error, isRead);
  }
}

/** Mailboxes that are not there (RFC 3463, section 3.2 and 3.3): bad mailbox, bad domain, syntax, moved, disabled. */
const DEAD = /\b5\.(1\.[12369]|1\.10|2\.1)\b/;
/** Replies that refuse us, and not the message. */
const REFUSED = new Set([530, 534, 535, 538]);

/** What an error means.
 *  @param isBegun whether the message had begun to leave. */
export function toSmtpResult(error: unknown, isBegun: boolean): SendResult {
  const status = Number(fieldOf(error, "responseCode") ?? 0);
  const code = textOf(fieldOf(error, "code"));
  const reason = toWords(error);
  if (code === "EAUTH" || code === "ENOAUTH" || REFUSED.has(status)) return { kind: "bad_credential", reason };
  if (status >= 400 && status < 500) return { kind: "retry", reason };
  if (status >= 500) {
    const isOfAddress = textOf(fieldOf(error, "command")).startsWith("RCPT") || code === "EENVELOPE";
    return { kind: isOfAddress && DEAD.test(reason) ? "suppress" : "give_up", reason };
  }
  if (code === "ETLS") return { kind: "bad_credential", reason };
  if (code === "EENVELOPE" || code === "EMESSAGE") return { kind: "give_up", reason };
  return { kind: isBegun ? "unknown" : "retry", reason };
}

function toWords(error: unknown): string {
  const response = textOf(fieldOf(error, "response"));
  return response === "" ? textOf(fieldOf(error, "message")) : response;
}
