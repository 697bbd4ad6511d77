import { type KeyObject, verify } from "node:crypto";
import { z } from "zod";
import { CallbackRefused, parseSaid, requireFresh } from "./report.ts";

const line = z.string().max(2_048);
const common = {
  MessageId: z.string().min(1).max(100),
  TopicArn: z.string().max(300),
  Message: z.string(),
  Timestamp: z.iso.datetime({ offset: true }),
  SignatureVersion: line,
  Signature: line,
  SigningCertURL: line,
};
const confirmation = { ...common, Token: line, SubscribeURL: line };
const schema = z.discriminatedUnion("Type", [
  z.object({ ...common, Type: z.literal("Notification"), Subject: line.nullish() }),
  z.object({ ...confirmation, Type: z.literal("SubscriptionConfirmation") }),
  z.object({ ...confirmation, Type: z.literal("UnsubscribeConfirmation") }),
]);

/** What Amazon SNS posts to an endpoint ("HTTP/HTTPS notification JSON format", SNS developer guide). */
export type SnsMessage = z.output<typeof schema>;

/** A topic by its ARN; its region comes first. */
const TOPIC = /^arn:aws(?:-cn|-us-gov)?:sns:([a-z]{2}(?:-[a-z]+)+-\d):\d{12}:[\w-]{1,256}(?:\.fifo)?$/;
export const isTopicArn = (text: string): boolean => TOPIC.test(text);

/** @throws CallbackRefused */
export const parseSnsMessage = (body: Uint8Array): SnsMessage =>
  parseSaid(schema, new TextDecoder().decode(body), "message of SNS");

/** Checks everything that needs no key, so that nothing is fetched for whom it would be refused anyway.
 *  @param options.topics those that may report. @throws CallbackRefused */
export function checkSnsMessage(
  message: SnsMessage,
  { topics, now }: { readonly topics: readonly string[]; readonly now: Date },
): void {
  if (!topics.includes(message.TopicArn))
    throw new CallbackRefused("forged", "its topic is not among the account's sns_topics");
  // Version 1 is SHA-1, whose collisions can be bought.
  if (message.SignatureVersion !== "2")
    throw new CallbackRefused("forged", "only SignatureVersion 2 is taken: set it on the topic");
  requireFresh(new Date(message.Timestamp), now);
  if (!isOfSns(message.SigningCertURL, message.TopicArn, /^\/[\w-]{1,200}\.pem$/))
    throw new CallbackRefused("forged", "its certificate is not one of SNS in the topic's region");
  if (message.Type !== "Notification" && !isOfSns(message.SubscribeURL, message.TopicArn, /^\/$/))
    throw new CallbackRefused("forged", "its SubscribeURL is not one of SNS in the topic's region");
}

/** @throws CallbackRefused */
export function verifySnsMessage(message: SnsMessage, key: KeyObject): void {
  const signature = Buffer.from(message.Signature, "base64");
  if (!verify("RSA-SHA256", Buffer.from(toSigned(message)), key, signature))
    throw new CallbackRefused("forged", "its signature is not that of SNS");
}

/** What is signed: names and values, a line each, in the order that SNS states ("Verifying the signatures of Amazon SNS messages"). */
function toSigned(message: SnsMessage): string {
  const { Message, MessageId, Timestamp, TopicArn, Type } = message;
  const fields =
    message.Type === "Notification"
      ? {
          Message,
          MessageId,
          ...(message.Subject == null ? {} : { Subject: message.Subject }),
          Timestamp,
          TopicArn,
          Type,
        }
      : { Message, MessageId, SubscribeURL: message.SubscribeURL, Timestamp, Token: message.Token, TopicArn, Type };
  return Object.entries(fields)
    .map(([name, value]) => `${name}\n${value}\n`)
    .join("");
}

/** Whether something lies with SNS itself, where the topic does: no other name is ever connected to. */
function isOfSns(text: string, topic: string, path: RegExp): boolean {
  const [, region] = TOPIC.exec(topic) ?? [];
  if (region === undefined || !URL.canParse(text)) return false;
  const url = new URL(text);
  const host = `sns.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`;
  return (
    url.protocol === "https:" &&
    url.host === host &&
    url.username === "" &&
    url.password === "" &&
    path.test(url.pathname)
  );
}
