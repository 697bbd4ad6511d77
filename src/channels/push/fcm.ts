import type { Agent } from "node:https";
import type { App, Credential as AppCredential } from "firebase-admin/app";
import type { Messaging, TokenMessage } from "firebase-admin/messaging";
import { z } from "zod";
import { type KnownProvider, toKnownProvider } from "../known-provider.ts";
import { fieldOf, textOf, withinTime } from "../one-by-one.ts";
import type { CredentialCheck, OutgoingMessage, Sender, SendResult } from "../provider.ts";

/** The fields of a service account's JSON file that are needed. */
const credential = z.object({
  projectId: z.string().min(1).max(100),
  clientEmail: z.email().max(320),
  privateKey: z.string().includes("PRIVATE KEY").max(10_000),
});
type Credential = z.output<typeof credential>;

/** How the SDK reaches Google, for tests; without one it does so by itself. */
type Connection = { readonly agent: Agent; readonly toCredential: (given: Credential) => AppCredential };

/** What one call of the SDK takes. */
const BATCH_MAX = 500;
const TTL_MS_MAX = 28 * 86_400_000;
let opened = 0;

/** Firebase Cloud Messaging by `sendEach`. Limits by its documentation: 4,096 bytes a message; 600,000 a minute for a project. What
 *  gets a 503, or whose connection breaks, the SDK itself sends again, up to four times.
 */
export function fcmProvider(connection?: Connection): KnownProvider {
  return toKnownProvider({
    name: "fcm",
    channel: "push",
    credential,
    limits: { batchMax: BATCH_MAX, ratePerS: 5_000, concurrency: 2, messageBytesMax: 4_096, timeoutMs: 30_000 },
    open: (given) => openFcm(given, connection),
  });
}

function openFcm(given: Credential, connection: Connection | undefined): Sender<"push"> {
  let opening: Promise<{ app: App; messaging: Messaging }> | undefined;
  const client = () => (opening ??= createClient(given, connection));
  return {
    check: async (): Promise<CredentialCheck> => {
      try {
        // Only looked through: nothing is sent to the topic.
        await (await client()).messaging.send({ topic: "check", data: {} }, true);
        return { ok: true };
      } catch (error) {
        return { ok: false, reason: toFcmResult(error).reason };
      }
    },
    send: async (messages, signal) => {
      const all = (result: SendResult) => messages.map(() => result);
      try {
        const call = client().then(({ messaging }) => messaging.sendEach(messages.map(toFcmMessage)));
        const { responses } = await withinTime(call, signal);
        return responses.map(({ success, messageId, error }) =>
          success ? { kind: "sent", providerMessageId: messageId ?? "" } : toFcmResult(error),
        );
      } catch (error) {
        return all(toFcmResult(error));
      }
    },
    close: async () => {
      // What could not be opened has said so to each who asked, and there is nothing of it to close.
      const made = await opening?.catch(() => undefined);
      if (made === undefined) return;
      const { deleteApp } = await import("firebase-admin/app");
      await deleteApp(made.app);
    },
  };
}

async function createClient(given: Credential, connection: Connection | undefined) {
  const { cert, initializeApp } = await import("firebase-admin/app");
  const { getMessaging } = await import("firebase-admin/messaging");
  opened += 1;
  const options =
    connection === undefined
      ? { credential: cert(given) }
      : { credential: connection.toCredential(given), httpAgent: connection.agent, projectId: given.projectId };
  const app = initializeApp(options, `intervention-engine-${opened}`);
  const messaging = getMessaging(app);
  // HTTP/1.1 goes by the agent, and keeps its connections; HTTP/2 makes a new one for each call.
  messaging.enableLegacyHttpTransport();
  return { app, messaging };
}

function toFcmMessage({ to, content, expireTime, deliveryId }: OutgoingMessage<"push">): TokenMessage {
  const { title, body, imageUrl, url, actions, data } = content;
  const ttl = Math.min(TTL_MS_MAX, Math.max(0, (expireTime?.getTime() ?? Date.now() + TTL_MS_MAX) - Date.now()));
  return {
    token: to,
    notification: { title, body, ...(imageUrl === undefined ? {} : { imageUrl }) },
    data: {
      ...data,
      delivery_id: deliveryId,
      ...(url === undefined ? {} : { url }),
      ...(actions.length === 0 ? {} : { actions: JSON.stringify(actions) }),
    },
    android: { ttl },
    apns: { headers: { "apns-expiration": String(Math.floor((Date.now() + ttl) / 1_000)) } },
    webpush: {
      headers: { TTL: String(Math.floor(ttl / 1_000)) },
      ...(url?.startsWith("https:") === true ? { fcmOptions: { link: url } } : {}),
    },
  };
}

/** Errors by their codes ("FCM error codes" of the Admin SDK's reference). */
const MEANINGS: Readonly<Record<string, Exclude<SendResult["kind"], "sent">>> = {
  "messaging/registration-token-not-registered": "suppress",
  "messaging/invalid-registration-token": "suppress",
  "messaging/mismatched-credential": "suppress",
  "messaging/invalid-argument": "give_up",
  "messaging/invalid-recipient": "give_up",
  "messaging/invalid-payload": "give_up",
  "messaging/payload-size-limit-exceeded": "give_up",
  "messaging/message-rate-exceeded": "retry",
  "messaging/device-message-rate-exceeded": "retry",
  "messaging/topics-message-rate-exceeded": "retry",
  "messaging/server-unavailable": "retry",
  "messaging/third-party-auth-error": "bad_credential",
  "messaging/authentication-error": "bad_credential",
  "app/invalid-credential": "bad_credential",
  "messaging/internal-error": "unknown",
  "messaging/unknown-error": "unknown",
};

const NOT_REACHED = /ENOTFOUND|ECONNREFUSED|ECONNRESET|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|socket hang up/;

/** What an error means. */
function toFcmResult(error: unknown): Extract<SendResult, { readonly reason: string }> {
  const code = textOf(fieldOf(error, "code"));
  const message = textOf(fieldOf(error, "message"));
  const reason = `${code}: ${message}`.slice(0, 300);
  // Of its failure to get a token the SDK always says that the credential is invalid.
  if (code === "app/invalid-credential" && NOT_REACHED.test(message)) return { kind: "retry", reason };
  // The token itself is no argument of ours: "The registration token is not a valid FCM registration token".
  if (code === "messaging/invalid-argument" && /registration token/i.test(message)) return { kind: "suppress", reason };
  return { kind: (Object.hasOwn(MEANINGS, code) ? MEANINGS[code] : undefined) ?? "unknown", reason };
}
