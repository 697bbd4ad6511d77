import type { JsonObject } from "@bufbuild/protobuf";
import { z } from "zod";
import type { ProviderAccount } from "../../gen/intervention/v1/channel_service_pb.js";
import { type Channel, ChannelSchema } from "../../gen/intervention/v1/intervention_pb.js";
import { isTopicArn } from "../channels/callback/sns-message.ts";
import { findProvider, type KnownProvider } from "../channels/known-provider.ts";
import { type OutsideChannelName, toOutsideChannel } from "../domain/delivery/channel-names.ts";
import { type FieldViolation, InvalidInput } from "../domain/errors.ts";
import { email, phone } from "./address-checks.ts";
import { costSchema } from "./choice-checks.ts";
import {
  type Check,
  checked,
  httpUrl,
  jsonUpTo,
  orEmpty,
  parseFields,
  show,
  text,
  wholeNumber,
  withoutControlCharacters,
} from "./field-checks.ts";

/** What a caller says of an account. */
export type ParsedProviderAccount = {
  readonly displayName: string;
  readonly from: string;
  readonly replyTo: string;
  readonly webhookUrl: string;
  readonly snsTopics: readonly string[];
  readonly ratePerS: number;
  readonly order: number;
  readonly sandboxTo: string;
  readonly cost?: { readonly currency: string; readonly micros: number } | undefined;
};

const RATE_MAX = 100_000;
const CREDENTIAL_BYTES_MAX = 16_384;
const SNS_TOPICS_MAX = 10;

const outside: Check<Channel> = (channel) =>
  toOutsideChannel(channel) === undefined
    ? `${ChannelSchema.value[channel]?.name ?? channel} is not one of CHANNEL_EMAIL, CHANNEL_SMS, CHANNEL_PUSH, CHANNEL_WEBHOOK`
    : undefined;
const rate: Check<number> = (value) =>
  Number.isFinite(value) && value >= 0 && value <= RATE_MAX ? undefined : `${value} is not in 0 to ${RATE_MAX}`;

/** `a@b.c`, or a name before it in angle brackets. */
const mailbox: Check<string> = (value) => {
  const [, address = value] = /^[^<>]*<([^<>]+)>$/.exec(value) ?? [];
  return email(address) === undefined
    ? undefined
    : `${show(value)} is not an email address, such as "Shop <shop@example.com>"`;
};

const mustBeEmpty: Check<string> = (value) => (value === "" ? undefined : "this channel has no such thing");

/** Whom a message comes from, by channel. */
const FROM: Readonly<Record<OutsideChannelName, Check<string>>> = {
  email: mailbox,
  sms: text({ min: 1, max: 320 }),
  push: text({ max: 320 }),
  webhook: text({ max: 320 }),
};
/** What a message to everybody's stand-in goes to. */
const SANDBOX: Readonly<Record<OutsideChannelName, Check<string>>> = {
  email: orEmpty(email),
  sms: orEmpty(phone),
  push: text({ max: 2_048 }),
  webhook: orEmpty(httpUrl),
};

const snsTopic: Check<string> = (value) =>
  isTopicArn(value)
    ? undefined
    : `${show(value)} is not the ARN of an SNS topic, such as "arn:aws:sns:eu-central-1:123456789012:ses-events"`;

const snsTopics = (provider: string): Check<readonly string[]> => {
  const max = provider === "ses" ? SNS_TOPICS_MAX : 0;
  return (topics) =>
    topics.length <= max
      ? undefined
      : `${topics.length} topics; ${provider} has ${max === 0 ? "none" : `up to ${max}`}`;
};

const accountSchema = ({ channel, name }: Pick<KnownProvider, "channel" | "name">) =>
  z.object({
    displayName: checked(text({ max: 200 }), withoutControlCharacters),
    from: checked(text({ max: 320 }), withoutControlCharacters, FROM[channel]),
    replyTo: checked(withoutControlCharacters, channel === "email" ? orEmpty(mailbox) : mustBeEmpty),
    webhookUrl: checked(channel === "webhook" ? orEmpty(httpUrl) : mustBeEmpty),
    snsTopics: checked(snsTopics(name)).pipe(z.array(checked(snsTopic))),
    ratePerS: checked(rate),
    order: checked(wholeNumber({ min: -1_000, max: 1_000 })),
    sandboxTo: checked(withoutControlCharacters, SANDBOX[channel]),
    cost: costSchema.transform(({ currency, micros }) => ({ currency, micros: Number(micros) })).optional(),
  });

/** The provider that a new account is with.
 *  @throws InvalidInput */
export function parseProvider(
  account: Pick<ProviderAccount, "channel" | "provider"> | undefined,
  providers: readonly KnownProvider[],
): KnownProvider {
  if (account === undefined) throw new InvalidInput([{ field: "account", description: "it is missing" }]);
  parseFields(z.object({ account: z.object({ channel: checked(outside) }) }), { account });
  const channel = toOutsideChannel(account.channel) ?? "email";
  const known = findProvider(providers, channel, account.provider);
  if (known !== undefined) return known;
  const names = providers.filter((one) => one.channel === channel).map(({ name }) => name);
  throw new InvalidInput([
    { field: "account.provider", description: `${show(account.provider)} is not one of ${names.join(", ")}` },
  ]);
}

/** @throws InvalidInput naming every bad field, of the account and of the credential; none of a credential's values. */
export function parseProviderAccount(
  request: { readonly account?: ProviderAccount | undefined; readonly credential?: JsonObject | undefined },
  provider: KnownProvider,
  options: { readonly isCredentialNeeded: boolean },
): { readonly settings: ParsedProviderAccount; readonly credential: JsonObject | undefined } {
  const violations: FieldViolation[] = [];
  const { account, credential } = request;
  let settings: ParsedProviderAccount | undefined;
  try {
    settings = parseFields(z.object({ account: accountSchema(provider) }), { account }).account;
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    violations.push(...error.violations);
  }
  violations.push(...findCredentialViolations(credential, provider, options.isCredentialNeeded));
  if (settings === undefined || violations.length > 0) throw new InvalidInput(violations);
  return { settings, credential };
}

function findCredentialViolations(
  credential: JsonObject | undefined,
  provider: KnownProvider,
  isNeeded: boolean,
): FieldViolation[] {
  if (credential === undefined && (!isNeeded || !provider.needsCredential)) return [];
  if (credential === undefined) return [{ field: "credential", description: `${provider.name} needs one` }];
  const size = jsonUpTo(CREDENTIAL_BYTES_MAX)(credential);
  if (size !== undefined) return [{ field: "credential", description: size }];
  const result = provider.credential.safeParse(credential);
  // Zod says what is wanted and of which type, and no value.
  return result.success
    ? []
    : result.error.issues.map(({ path, message }) => ({
        field: ["credential", ...path.map(String)].join("."),
        description: message,
      }));
}

/** The shape of a provider's credential, for a form or a person. */
export function toCredentialSchema(provider: KnownProvider): JsonObject {
  const schema = JSON.parse(JSON.stringify(z.toJSONSchema(provider.credential, { unrepresentable: "any" })));
  return schema as JsonObject;
}
