import type { Vonage } from "@vonage/server-sdk";
import { z } from "zod";
import { parseRetryAfterMs } from "../../domain/outward/backoff.ts";
import { type KnownProvider, toKnownProvider } from "../known-provider.ts";
import { fieldOf, isNotBegun, oneByOne, textOf, withinTime } from "../one-by-one.ts";
import type { OutgoingMessage, Sender, SendResult } from "../provider.ts";
import { requireVendorHost } from "../vendor-host.ts";

/** What Vonage signs its calls by: absent where it is to make none. */
export const vonageCallbackCredential = z.object({
  applicationId: z.uuid(),
  /** The account's own, from its settings. */
  apiKey: z.string().min(1).max(64),
  /** Of the same place. Shorter ones could be tried out (RFC 7518, section 3.2, asks for 32). */
  signatureSecret: z.string().min(16).max(200),
});

const credential = z.object({
  ...vonageCallbackCredential.partial({ apiKey: true, signatureSecret: true }).shape,
  /** PEM (PKCS #8). */
  privateKey: z.string().includes("PRIVATE KEY").max(10_000),
  /** Of a region, or a sandbox: `https://messages-sandbox.nexmo.com`. */
  apiHost: z
    .url({ protocol: /^https?$/ })
    .max(2_048)
    .default("https://api.nexmo.com"),
});
type Credential = z.output<typeof credential>;

const AT_ONCE = 10;
const DOMAINS = ["nexmo.com", "vonage.com"];

/** SMS by Vonage's Messages API (version 1), with a JWT of an application's key. Accounts begin with 30 calls a second ("What is the
 *  throughput limit", Vonage API support); each SMS of up to six segments is one call.
 *  @param options.allowPrivate whether the host may be any, also by plain http. */
export function vonageProvider({ allowPrivate }: { readonly allowPrivate: boolean }): KnownProvider {
  return toKnownProvider({
    name: "vonage",
    channel: "sms",
    hasCallbacks: true,
    credential,
    limits: { batchMax: 20, ratePerS: 30, concurrency: 4, messageBytesMax: 4_000, timeoutMs: 15_000 },
    open: (given) => openVonage(given, allowPrivate),
  });
}

function openVonage(given: Credential, allowPrivate: boolean): Sender<"sms"> {
  requireVendorHost(given.apiHost, { domains: DOMAINS, allowPrivate });
  let opening: Promise<Vonage> | undefined;
  const client = () => (opening ??= createClient(given));
  return {
    check: async () => {
      // A message without a recipient is refused, once it is known who asks.
      const result = await sendOne(await client(), { to: "", from: "", text: "" }, new AbortController().signal).catch(
        toVonageResult,
      );
      if (result.kind === "give_up" || result.kind === "suppress" || result.kind === "sent") return { ok: true };
      return { ok: false, reason: result.reason };
    },
    send: (messages, signal) =>
      oneByOne(messages, {
        ...{ atOnce: AT_ONCE, signal },
        send: async ({ to, content }: OutgoingMessage<"sms">) => sendOne(await client(), { ...content, to }, signal),
        toResult: () => ({ kind: "unknown", reason: "the call failed" }),
      }),
    close: async () => undefined,
  };
}

async function createClient({ applicationId, privateKey, apiHost }: Credential): Promise<Vonage> {
  const { Vonage: Client } = await import("@vonage/server-sdk");
  return new Client({ applicationId, privateKey }, { apiHost });
}

async function sendOne(
  client: Vonage,
  { to, from, text }: { readonly to: string; readonly from: string; readonly text: string },
  signal: AbortSignal,
): Promise<SendResult> {
  const { SMS } = await import("@vonage/messages");
  try {
    // Vonage has numbers without the plus.
    const call = client.messages.send(new SMS(text, to.replace(/^\+/, ""), from));
    const { messageUUID } = await withinTime(call, signal);
    return { kind: "sent", providerMessageId: messageUUID };
  } catch (error) {
    return await toVonageResult(error);
  }
}

/** The SDK's own kind of response, which is not Node's. */
const answered = z.custom<Pick<Response, "status" | "headers" | "text" | "statusText" | "bodyUsed">>(
  (value) => typeof fieldOf(value, "status") === "number" && typeof fieldOf(value, "text") === "function",
);

/** What an error means: by the status of the answer, and of "invalid parameters" by which it is (Messages API, "Errors"). */
async function toVonageResult(error: unknown): Promise<SendResult> {
  const response = answered.safeParse(fieldOf(error, "response")).data;
  if (response === undefined) {
    const cause = fieldOf(error, "cause");
    const code = textOf(fieldOf(cause, "code")) || textOf(fieldOf(error, "code"));
    const reason = code || textOf(fieldOf(error, "message"));
    return { kind: isNotBegun(code) ? "retry" : "unknown", reason };
  }
  const { status } = response;
  const said = await readProblem(response);
  const reason = `${status} ${said.words}`.trim();
  if (status === 429 || status === 503) {
    const retryAfterMs = parseRetryAfterMs(response.headers.get("retry-after") ?? undefined, new Date());
    return { kind: "retry", reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  }
  // Who may not, or has not paid, sends nothing until somebody acts.
  if (status === 401 || status === 402 || status === 403) return { kind: "bad_credential", reason };
  if (status >= 400 && status < 500) return { kind: said.isOfRecipient ? "suppress" : "give_up", reason };
  return { kind: "unknown", reason };
}

const problem = z.object({
  title: z.string().default(""),
  detail: z.string().default(""),
  invalid_parameters: z.array(z.object({ name: z.string() })).default([]),
});

async function readProblem(response: z.output<typeof answered>): Promise<{ words: string; isOfRecipient: boolean }> {
  const text = response.bodyUsed ? "" : await response.text().catch(() => "");
  const parsed = problem.safeParse(parseJson(text));
  if (!parsed.success) return { words: response.statusText, isOfRecipient: false };
  const { title, detail, invalid_parameters: parameters } = parsed.data;
  return {
    words: [title, detail].filter((part) => part !== "").join(": "),
    isOfRecipient: parameters.some(({ name }) => name === "to"),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // An answer of something in between: its status has to do.
    return undefined;
  }
}
