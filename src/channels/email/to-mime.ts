import { createHash } from "node:crypto";
import type { OutgoingMessage } from "../provider.ts";

/** An email as it travels (RFC 5322 and MIME): text and HTML side by side, every header encoded. A delivery has one Message-ID for all its
 *  attempts, so that a mailbox can tell a second one.
 *  @throws Error when it can't be built. */
export async function toMime(message: OutgoingMessage<"email">): Promise<Buffer> {
  const { default: MailComposer } = await import("nodemailer/lib/mail-composer");
  const { from, replyTo, subject, html, text, headers } = message.content;
  const domain = /@([^@>\s]+)>?\s*$/.exec(from)?.[1] ?? "localhost";
  const id = createHash("sha256").update(`${message.workspaceId}/${message.deliveryId}`).digest("hex").slice(0, 32);
  const composer = new MailComposer({
    ...{ from, to: message.to, subject, text, html, headers: { ...headers } },
    ...(replyTo === undefined ? {} : { replyTo }),
    messageId: `<${id}@${domain}>`,
    // Nothing that a template says is a file or a URL of ours to read.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return await composer.compile().build();
}

/** The address alone, as an envelope has it. */
export const toEnvelopeFrom = (from: string) => /<([^<>]+)>\s*$/.exec(from)?.[1] ?? from.trim();
