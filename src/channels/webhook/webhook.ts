import { z } from "zod";
import { SECRET_PREFIX, toSignedHeaders } from "../../domain/outward/sign.ts";
import { type Answer, HttpCaller } from "../http-call.ts";
import { type KnownProvider, toKnownProvider } from "../known-provider.ts";
import { oneByOne } from "../one-by-one.ts";
import type { OutgoingMessage, Sender, SendResult } from "../provider.ts";

const credential = z.object({
  /** `whsec_` and base64 of 24 to 64 bytes, as Standard Webhooks have it. */
  secret: z
    .string()
    .startsWith(SECRET_PREFIX)
    .refine((text) => {
      const { length } = Buffer.from(text.slice(SECRET_PREFIX.length), "base64");
      return length >= 24 && length <= 64;
    }, "it is not base64 of 24 to 64 bytes"),
});

const AT_ONCE = 20;

/** Posts messages to a system of the shop's own, signed by Standard Webhooks 1.0. `webhook-id` is the delivery's id, the same for all
 *  its attempts: by it the receiver tells a second one.
 *  @param options.allowPrivate whether it may be plain http, and in a network of our own. */
export function webhookProvider({ allowPrivate }: { readonly allowPrivate: boolean }): KnownProvider {
  return toKnownProvider({
    name: "webhook",
    channel: "webhook",
    credential,
    limits: { batchMax: 50, ratePerS: 200, concurrency: 4, messageBytesMax: 1_048_576, timeoutMs: 15_000 },
    open: ({ secret }) => openWebhook(secret, allowPrivate),
  });
}

function openWebhook(secret: string, allowPrivate: boolean): Sender<"webhook"> {
  const caller = new HttpCaller({ allowPrivate });
  const sendOne = async (
    { to, deliveryId, content }: OutgoingMessage<"webhook">,
    signal: AbortSignal,
  ): Promise<SendResult> => {
    const url = new URL(to);
    caller.require(url);
    const { body } = content;
    const signed = toSignedHeaders({ id: deliveryId, at: new Date(), body, secrets: [secret] });
    const headers = { "content-type": "application/json", "user-agent": "intervention-engine", ...signed };
    return toWebhookResult(await caller.call(url, { method: "POST", headers, body, signal }), deliveryId);
  };
  return {
    // Every account has its URL beside the secret, and nobody is to be written to for a look.
    check: async () => ({ ok: true }),
    send: (messages, signal) =>
      oneByOne(messages, {
        ...{ atOnce: AT_ONCE, signal },
        send: (message) => sendOne(message, signal),
        toResult: (error) => ({ kind: "give_up", reason: error instanceof Error ? error.message : "" }),
      }),
    close: async () => caller.close(),
  };
}

/** What an endpoint's answer means (Standard Webhooks, "Status codes"). */
function toWebhookResult(answer: Answer, deliveryId: string): SendResult {
  if (answer.kind === "unreachable") return { kind: "retry", reason: answer.reason };
  if (answer.kind === "broken") return { kind: "unknown", reason: answer.reason };
  const { status, retryAfterMs } = answer;
  const reason = `the endpoint answered ${status}`;
  if (status >= 200 && status < 300) return { kind: "sent", providerMessageId: deliveryId };
  if (status === 410) return { kind: "bad_credential", reason: `${reason}: it is gone` };
  if (status >= 400 && status < 500 && status !== 408 && status !== 429) return { kind: "give_up", reason };
  return { kind: "retry", reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}
