import type { SESClient } from "@aws-sdk/client-ses";
import { z } from "zod";
import { type KnownProvider, toKnownProvider } from "../known-provider.ts";
import { fieldOf, isNotBegun, oneByOne, textOf } from "../one-by-one.ts";
import type { OutgoingMessage, Sender, SendResult } from "../provider.ts";
import { requireVendorHost } from "../vendor-host.ts";
import { toEnvelopeFrom, toMime } from "./to-mime.ts";

const credential = z.object({
  region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/),
  accessKeyId: z.string().min(1).max(200),
  secretAccessKey: z.string().min(1).max(200),
  /** Whose events SES publishes. */
  configurationSet: z.string().max(64).optional(),
  /** An emulator's, or a VPC endpoint's. */
  endpoint: z
    .url({ protocol: /^https?$/ })
    .max(2_048)
    .optional(),
});
type Credential = z.output<typeof credential>;

const AT_ONCE = 10;
const DOMAINS = ["amazonaws.com", "amazonaws.com.cn"];

/** Amazon SES by `SendRawEmail` of its first API. Limits by its developer guide: 40 MB a message; 14 a second is what accounts begin
 *  with, and an account's own rate is set beside its credential.
 *  @param options.allowPrivate whether the endpoint may be anywhere, also by plain http. */
export function sesProvider({ allowPrivate }: { readonly allowPrivate: boolean }): KnownProvider {
  return toKnownProvider({
    name: "ses",
    channel: "email",
    hasCallbacks: true,
    credential,
    limits: { batchMax: 20, ratePerS: 14, concurrency: 4, messageBytesMax: 40 * 1_000_000, timeoutMs: 15_000 },
    open: (given) => openSes(given, allowPrivate),
  });
}

function openSes(given: Credential, allowPrivate: boolean): Sender<"email"> {
  if (given.endpoint !== undefined) requireVendorHost(given.endpoint, { domains: DOMAINS, allowPrivate });
  let opening: Promise<SESClient> | undefined;
  const client = () => (opening ??= createClient(given));
  return {
    check: async (signal) => {
      try {
        const { GetSendQuotaCommand } = await import("@aws-sdk/client-ses");
        await (await client()).send(new GetSendQuotaCommand({}), { abortSignal: signal });
        return { ok: true };
      } catch (error) {
        return { ok: false, reason: toWords(error) };
      }
    },
    send: (messages, signal) =>
      oneByOne(messages, {
        ...{ atOnce: AT_ONCE, signal },
        send: async (message) => sendOne(await client(), message, given, signal),
        toResult: toSesResult,
      }),
    close: async () => (await opening)?.destroy(),
  };
}

async function createClient(given: Credential): Promise<SESClient> {
  const { SESClient: Client } = await import("@aws-sdk/client-ses");
  const { accessKeyId, endpoint, region, secretAccessKey } = given;
  return new Client({
    region,
    credentials: { accessKeyId, secretAccessKey },
    // Whether a message goes out again is decided where its attempts are counted.
    maxAttempts: 1,
    ...(endpoint === undefined ? {} : { endpoint }),
  });
}

async function sendOne(
  client: SESClient,
  message: OutgoingMessage<"email">,
  { configurationSet }: Credential,
  signal: AbortSignal,
): Promise<SendResult> {
  const { SendRawEmailCommand } = await import("@aws-sdk/client-ses");
  const command = new SendRawEmailCommand({
    Source: toEnvelopeFrom(message.content.from),
    Destinations: [message.to],
    RawMessage: { Data: await toMime(message) },
    ...(configurationSet === undefined ? {} : { ConfigurationSetName: configurationSet }),
  });
  const { MessageId = "" } = await client.send(command, { abortSignal: signal });
  return { kind: "sent", providerMessageId: MessageId };
}

/** Errors by their names in SES's API reference ("Common Errors" and those of SendRawEmail). */
const MEANINGS: Readonly<Record<string, Exclude<SendResult["kind"], "sent">>> = {
  Throttling: "retry",
  ThrottlingException: "retry",
  TooManyRequestsException: "retry",
  LimitExceededException: "retry",
  ServiceUnavailable: "retry",
  AccountSendingPausedException: "bad_credential",
  ConfigurationSetSendingPausedException: "bad_credential",
  ConfigurationSetDoesNotExist: "bad_credential",
  ConfigurationSetDoesNotExistException: "bad_credential",
  MailFromDomainNotVerifiedException: "bad_credential",
  InvalidClientTokenId: "bad_credential",
  SignatureDoesNotMatch: "bad_credential",
  UnrecognizedClientException: "bad_credential",
  IncompleteSignature: "bad_credential",
  MissingAuthenticationToken: "bad_credential",
  AccessDenied: "bad_credential",
  AccessDeniedException: "bad_credential",
  OptInRequired: "bad_credential",
  ExpiredToken: "bad_credential",
  MessageRejected: "give_up",
  InvalidParameterValue: "give_up",
  ValidationError: "give_up",
};
const RETRY_AFTER_MS = 1_000;

/** What an error means. */
function toSesResult(error: unknown): SendResult {
  const reason = toWords(error);
  const name = textOf(fieldOf(error, "name"));
  const kind = Object.hasOwn(MEANINGS, name) ? MEANINGS[name] : undefined;
  if (kind === "retry") return { kind, reason, retryAfterMs: RETRY_AFTER_MS };
  if (kind !== undefined) return { kind, reason };
  const status = Number(fieldOf(fieldOf(error, "$metadata"), "httpStatusCode") ?? 0);
  if (status >= 400 && status < 500) return { kind: "give_up", reason };
  return { kind: isNotBegun(textOf(fieldOf(error, "code"))) ? "retry" : "unknown", reason };
}

const toWords = (error: unknown) => `${textOf(fieldOf(error, "name"))}: ${textOf(fieldOf(error, "message"))}`;
