import { createHmac } from "node:crypto";

/** The prefix of a secret in its written form. */
export const SECRET_PREFIX = "whsec_";

/** The headers that let a receiver know who sent a body, as Standard Webhooks 1.0 say: a signature for each secret in force.
 *  @param secrets written as `whsec_{base64}`. */
export function toSignedHeaders({
  id,
  at,
  body,
  secrets,
}: {
  readonly id: string;
  readonly at: Date;
  readonly body: string;
  readonly secrets: readonly string[];
}): Record<"webhook-id" | "webhook-timestamp" | "webhook-signature", string> {
  const seconds = String(Math.floor(at.getTime() / 1_000));
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(SECRET_PREFIX.length), "base64");
    return `v1,${createHmac("sha256", key).update(`${id}.${seconds}.${body}`).digest("base64")}`;
  });
  return { "webhook-id": id, "webhook-timestamp": seconds, "webhook-signature": signatures.join(" ") };
}
