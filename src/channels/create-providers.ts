import type { Store } from "../store/index.ts";
import { sesProvider } from "./email/ses.ts";
import { smtpProvider } from "./email/smtp.ts";
import type { KnownProvider } from "./known-provider.ts";
import { outboxProviders } from "./outbox.ts";
import { fcmProvider } from "./push/fcm.ts";
import { webPushProvider } from "./push/webpush.ts";
import { relayProviders } from "./relay.ts";
import { vonageProvider } from "./sms/vonage.ts";
import { webhookProvider } from "./webhook/webhook.ts";

/** Every provider there is: a new one is a file of its own, and a line here. */
export function createProviders(parts: {
  readonly store: Store;
  /** Whether what is called may be plain http, and in a network of our own. */
  readonly allowPrivate: boolean;
}): readonly KnownProvider[] {
  return [
    sesProvider(parts),
    smtpProvider(parts),
    vonageProvider(parts),
    fcmProvider(),
    webPushProvider(parts),
    webhookProvider(parts),
    ...outboxProviders(parts.store),
    ...relayProviders(parts),
  ];
}
