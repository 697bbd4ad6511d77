import { z } from "zod";
import { type Answer, HttpCaller } from "../http-call.ts";
import { type KnownProvider, toKnownProvider } from "../known-provider.ts";
import { oneByOne, textOf } from "../one-by-one.ts";
import type { OutgoingMessage, Sender, SendResult } from "../provider.ts";

const base64url = (bytes: number) =>
  z
    .string()
    .regex(/^[A-Za-z0-9_-]+$/)
    .refine((text) => Buffer.from(text, "base64url").length === bytes);
const credential = z.object({
  /** Whom a push service turns to: `mailto:` or https (RFC 8292). */
  subject: z
    .string()
    .regex(/^(mailto:\S+@\S+|https:\/\/\S+)$/)
    .max(500),
  /** As the page subscribed with it: an uncompressed point of P-256. */
  publicKey: base64url(65),
  privateKey: base64url(32),
});
type Credential = z.output<typeof credential>;

/** What a browser's `PushSubscription` says of itself. */
const subscription = z.object({
  endpoint: z.url({ protocol: /^https?$/ }).max(2_048),
  keys: z.object({ p256dh: base64url(65), auth: base64url(16) }),
});

const AT_ONCE = 20;
const TTL_S = 86_400;
/** RFC 8030 has push services take 4,096 bytes; encryption takes 103 of them (RFC 8291). */
const PAYLOAD_BYTES_MAX = 3_993;

/** Web Push (RFC 8030) with VAPID (RFC 8292): no vendor and no account, only a pair of keys. The address of a message is the
 *  subscription as JSON.
 *  @param options.allowPrivate whether endpoints may be plain http, and in a network of our own. */
export function webPushProvider({ allowPrivate }: { readonly allowPrivate: boolean }): KnownProvider {
  return toKnownProvider({
    name: "webpush",
    channel: "push",
    credential,
    limits: { batchMax: 100, ratePerS: 500, concurrency: 4, messageBytesMax: PAYLOAD_BYTES_MAX, timeoutMs: 15_000 },
    open: (given) => openWebPush(given, allowPrivate),
  });
}

function openWebPush(given: Credential, allowPrivate: boolean): Sender<"push"> {
  const caller = new HttpCaller({ allowPrivate });
  return {
    // Push services are of the subscribers' choice: there is none to ask, so the keys are tried on each other.
    check: async () => {
      const { createECDH } = await import("node:crypto");
      const pair = createECDH("prime256v1");
      pair.setPrivateKey(Buffer.from(given.privateKey, "base64url"));
      const isPair = pair.getPublicKey().equals(Buffer.from(given.publicKey, "base64url"));
      return isPair ? { ok: true } : { ok: false, reason: "publicKey is not that of privateKey" };
    },
    send: (messages, signal) =>
      oneByOne(messages, {
        ...{ atOnce: AT_ONCE, signal },
        send: (message) => sendOne(caller, message, given, signal),
        toResult: (error) => ({ kind: "give_up", reason: textOf(error instanceof Error ? error.message : "") }),
      }),
    close: async () => caller.close(),
  };
}

async function sendOne(
  caller: HttpCaller,
  message: OutgoingMessage<"push">,
  { subject, publicKey, privateKey }: Credential,
  signal: AbortSignal,
): Promise<SendResult> {
  const target = parseSubscription(message.to);
  if (target === undefined) return { kind: "suppress", reason: "the address is no web-push subscription" };
  const url = new URL(target.endpoint);
  try {
    caller.require(url);
  } catch (error) {
    return { kind: "suppress", reason: error instanceof Error ? error.message : "the endpoint may not be called" };
  }
  const payload = JSON.stringify(toPayload(message));
  if (Buffer.byteLength(payload) > PAYLOAD_BYTES_MAX)
    return { kind: "give_up", reason: `the message has more than ${PAYLOAD_BYTES_MAX} bytes` };
  const { default: webPush } = await import("web-push");
  const { headers, body } = webPush.generateRequestDetails(target, payload, {
    vapidDetails: { subject, publicKey, privateKey },
    TTL: toTtlS(message.expireTime),
    contentEncoding: "aes128gcm",
  });
  const texts = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
  return toWebPushResult(await caller.call(url, { method: "POST", headers: texts, body: body ?? "", signal }));
}

/** What a service worker gets as JSON. */
const toPayload = ({ content, deliveryId }: OutgoingMessage<"push">) => ({
  ...{ id: deliveryId, title: content.title, body: content.body, actions: content.actions, data: content.data },
  ...(content.imageUrl === undefined ? {} : { image: content.imageUrl }),
  ...(content.url === undefined ? {} : { url: content.url }),
});

const toTtlS = (expireTime: Date | undefined) =>
  expireTime === undefined ? TTL_S : Math.max(0, Math.floor((expireTime.getTime() - Date.now()) / 1_000));

function parseSubscription(text: string): z.output<typeof subscription> | undefined {
  try {
    const parsed = subscription.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    // Not JSON: whoever stored it meant something else.
    return undefined;
  }
}

/** What a push service's answer means (RFC 8030, sections 5 and 8). */
function toWebPushResult(answer: Answer): SendResult {
  if (answer.kind === "unreachable") return { kind: "retry", reason: answer.reason };
  if (answer.kind === "broken") return { kind: "unknown", reason: answer.reason };
  const { status, retryAfterMs } = answer;
  const reason = `the push service answered ${status}`;
  if (status >= 200 && status < 300) return { kind: "sent", providerMessageId: "" };
  if (status === 404 || status === 410) return { kind: "suppress", reason };
  if (status === 401 || status === 403) return { kind: "bad_credential", reason };
  if (status === 429 || status === 502 || status === 503)
    return { kind: "retry", reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  return { kind: status >= 500 ? "unknown" : "give_up", reason };
}
