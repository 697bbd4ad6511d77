import { toSignedHeaders } from "../domain/outward/sign.ts";
import type { CloudEventJson } from "../domain/outward/to-cloud-event.ts";
import type { WebhookEndpointDocument } from "../store/index.ts";
import { type Attempt, postWebhook } from "./post-webhook.ts";

/** Sends one event to an endpoint once, signed with every secret in force. */
export function sendEvent(
  endpoint: Pick<WebhookEndpointDocument, "url" | "secrets">,
  event: CloudEventJson,
  options: { readonly allowPrivate: boolean; readonly timeoutMs?: number },
): Promise<Attempt> {
  const body = JSON.stringify(event);
  const at = new Date();
  const secrets = endpoint.secrets
    .filter(({ endsAt }) => endsAt === undefined || endsAt > at)
    .map(({ secret }) => secret);
  const headers = toSignedHeaders({ id: event.id, at, body, secrets });
  return postWebhook({ url: endpoint.url, headers, body, ...options });
}
