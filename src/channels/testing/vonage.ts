import { createHash, randomUUID } from "node:crypto";
import { SignJWT } from "jose";

export const VONAGE = {
  apiKey: "a1b2c3d4",
  applicationId: "7b9c2f1e-58c1-4a8e-9c1b-3f6d2a4b5c6d",
  signatureSecret: "a-signature-secret-of-the-account",
} as const;

/** What Vonage posts, and its `Authorization`: by an independent library, as the documentation says ("Signed webhooks").
 *  @param changes of claims, to be wrong; undefined leaves one out. */
export async function signVonage(
  said: unknown,
  changes: Readonly<Record<string, unknown>> = {},
  { secret, alg = "HS256" }: { readonly secret?: string; readonly alg?: string } = {},
): Promise<{ readonly body: string; readonly authorization: string }> {
  const body = typeof said === "string" ? said : JSON.stringify(said);
  const claims = {
    ...{ iat: Math.floor(Date.now() / 1_000), jti: randomUUID(), iss: "Vonage" },
    payload_hash: createHash("sha256").update(body).digest("hex"),
    ...{ api_key: VONAGE.apiKey, application_id: VONAGE.applicationId },
    ...changes,
  };
  const kept = Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
  const token = await new SignJWT(kept)
    .setProtectedHeader({ alg, typ: "JWT" })
    .sign(new TextEncoder().encode(secret ?? VONAGE.signatureSecret));
  return { body, authorization: `Bearer ${token}` };
}

/** A status of a message ("Message status webhook", Messages API reference). */
export const vonageStatus = (messageId: string, status: string, changes: object = {}) => ({
  ...{ message_uuid: messageId, to: "447700900000", from: "447700900001", timestamp: new Date().toISOString(), status },
  ...{ usage: { currency: "EUR", price: "0.0333" }, client_ref: "x", channel: "sms", ...changes },
});

/** What somebody has written ("Inbound SMS", Messages API reference). */
export const vonageInbound = (from: string, text: string, changes: object = {}) => ({
  ...{ channel: "sms", message_uuid: randomUUID(), to: "447700900001", from, timestamp: new Date().toISOString() },
  ...{ message_type: "text", text, sms: { num_messages: "1", keyword: text.split(" ")[0]?.toUpperCase() }, ...changes },
});
