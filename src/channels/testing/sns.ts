import { type KeyObject, sign } from "node:crypto";
import type { FetchText } from "../callback/sns-client.ts";
import { makeSelfSigned } from "./self-signed.ts";

export const TOPIC = "arn:aws:sns:eu-central-1:123456789012:ses-events";
export const CERTIFICATE_URL = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem";
const SUBSCRIBE_URL = `https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=${TOPIC}&Token=t`;

/** A message's fields, whatever they are: a test sends bad ones too. */
export type Fields = Readonly<Record<string, unknown>>;

let made = 0;

/** SNS as far as it is looked at: a certificate of its own, what it signs, and what was fetched of it. */
export class FakeSns {
  readonly certificate = makeSelfSigned();
  /** Every URL that was read. */
  readonly fetched: string[] = [];
  /** Answers a read; may throw. */
  answer: FetchText = async () => ({ ok: true, text: this.certificate.pem });

  readonly fetch: FetchText = async (url) => {
    this.fetched.push(url);
    return this.answer(url);
  };

  notification(message: unknown, changes: Fields = {}): Fields {
    return this.sign({
      ...{ Type: "Notification", Message: typeof message === "string" ? message : JSON.stringify(message) },
      ...{ Subject: "Amazon SES Email Event Notification", UnsubscribeURL: SUBSCRIBE_URL.replace("Conf", "Un") },
      ...changes,
    });
  }

  confirmation(changes: Fields = {}): Fields {
    return this.sign({
      ...{ Type: "SubscriptionConfirmation", Message: "You have chosen to subscribe.", Token: "t" },
      ...{ SubscribeURL: SUBSCRIBE_URL, ...changes },
    });
  }

  /** Signs as the documentation says, with what stands in the message about how. */
  sign(given: Fields, key: KeyObject = this.certificate.privateKey): Fields {
    made += 1;
    const message: Fields = {
      ...{ MessageId: `00000000-0000-4000-8000-${String(made).padStart(12, "0")}`, TopicArn: TOPIC },
      ...{ Timestamp: new Date().toISOString(), SignatureVersion: "2", SigningCertURL: CERTIFICATE_URL, ...given },
    };
    const names =
      message.Type === "Notification"
        ? ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
        : ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];
    const text = names.flatMap((name) => (name in message ? [`${name}\n${String(message[name])}\n`] : [])).join("");
    const algorithm = message.SignatureVersion === "1" ? "RSA-SHA1" : "RSA-SHA256";
    return { ...message, Signature: sign(algorithm, Buffer.from(text), key).toString("base64") };
  }
}
