import { z } from "zod";
import { type Answer, HttpCaller } from "./http-call.ts";
import { type KnownProvider, toKnownProvider } from "./known-provider.ts";
import type { CredentialCheck, OutgoingMessage, Sender, SendResult } from "./provider.ts";

const credential = z.object({ url: z.url({ protocol: /^https?$/ }).max(2_048), token: z.string().min(1).max(1_000) });
type Credential = z.output<typeof credential>;

/** Hands messages in batches to a program of the shop's own, which carries them by whatever means it has.
 *
 *  `POST {url}` with `Authorization: Bearer {token}` and `{"messages": [{delivery_id, attempt, to, content, …}]}`; the answer is
 *  200 with `{"results": [SendResult, …]}`, one for each, in order. `GET {url}` with the token answers 200: that is the check. */
export function relayProviders({ allowPrivate }: { readonly allowPrivate: boolean }): readonly KnownProvider[] {
  return (["email", "sms", "push", "webhook"] as const).map((channel) =>
    toKnownProvider({
      name: "relay",
      channel,
      credential,
      limits: { batchMax: 250, ratePerS: 10_000, concurrency: 4, messageBytesMax: 1_048_576, timeoutMs: 10_000 },
      open: (given) => openRelay(given, allowPrivate),
    }),
  );
}

function openRelay(given: Credential, allowPrivate: boolean): Sender {
  const url = new URL(given.url);
  const caller = new HttpCaller({ allowPrivate });
  caller.require(url);
  const headers = { authorization: `Bearer ${given.token}`, "content-type": "application/json" };
  return {
    check: async (signal) => toCheck(await caller.call(url, { method: "GET", headers, body: "", signal })),
    send: async (messages, signal) => {
      const body = JSON.stringify({ messages: messages.map(toJson) });
      return toResults(await caller.call(url, { method: "POST", headers, body, signal }), messages.length);
    },
    close: async () => caller.close(),
  };
}

const toJson = ({ workspaceId, deliveryId, attempt, to, expireTime, content }: OutgoingMessage) => ({
  ...{ workspace: workspaceId, delivery_id: deliveryId, attempt, to, content },
  ...(expireTime === undefined ? {} : { expire_time: expireTime.toISOString() }),
});

const reason = z.string().max(500);
const results = z.object({
  results: z.array(
    z.discriminatedUnion("kind", [
      z.object({ kind: z.literal("sent"), providerMessageId: z.string().max(500) }),
      z.object({ kind: z.literal("retry"), reason, retryAfterMs: z.number().nonnegative().exactOptional() }),
      z.object({ kind: z.enum(["give_up", "suppress", "bad_credential", "unknown"]), reason }),
    ]),
  ),
});

function toResults(answer: Answer, count: number): SendResult[] {
  const all = (result: SendResult) => Array.from({ length: count }, () => result);
  if (answer.kind === "unreachable") return all({ kind: "retry", reason: answer.reason });
  if (answer.kind === "broken") return all({ kind: "unknown", reason: answer.reason });
  const { status, body, retryAfterMs } = answer;
  const said = `the relay answered ${status}`;
  if (status === 401 || status === 403) return all({ kind: "bad_credential", reason: said });
  if (status === 429 || status === 503)
    return all({ kind: "retry", reason: said, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
  if (status >= 400 && status < 500) return all({ kind: "give_up", reason: said });
  const parsed = status === 200 ? findResults(body) : undefined;
  if (parsed?.length === count) return parsed;
  return all({ kind: "unknown", reason: status === 200 ? "the relay's answer is not one result a message" : said });
}

function findResults(body: string): SendResult[] | undefined {
  try {
    return results.parse(JSON.parse(body)).results;
  } catch {
    // What it did with the messages, nobody knows: the caller says so.
    return undefined;
  }
}

function toCheck(answer: Answer): CredentialCheck {
  if (answer.kind !== "answered") return { ok: false, reason: answer.reason };
  return answer.status === 200 ? { ok: true } : { ok: false, reason: `the relay answered ${answer.status}` };
}
