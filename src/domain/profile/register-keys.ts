import { ConsentStatus, ContactChannel, Purpose } from "../../../gen/intervention/v1/profile_pb.js";

export const TIME_ZONE_KEY = "time_zone";
export const LOCALE_KEY = "locale";
/** The value is `HH:MM-HH:MM`. */
export const QUIET_HOURS_KEY = "quiet_hours";
const ATTRIBUTE_PREFIX = "attribute/";

/** The value is any JSON. */
export const toAttributeKey = (name: string) => `${ATTRIBUTE_PREFIX}${name}`;

/** @returns undefined for the key of something else. */
export const fromAttributeKey = (key: string): string | undefined =>
  key.startsWith(ATTRIBUTE_PREFIX) ? key.slice(ATTRIBUTE_PREFIX.length) : undefined;

/** Channels by the name they have in keys. */
const CHANNELS = {
  realtime: ContactChannel.REALTIME,
  inbox: ContactChannel.INBOX,
  email: ContactChannel.EMAIL,
  sms: ContactChannel.SMS,
  push: ContactChannel.PUSH,
} as const;
const PURPOSES = { marketing: Purpose.MARKETING, service: Purpose.SERVICE } as const;

/** The value is whether it is verified. */
export const toAddressKey = (channel: ContactChannel, address: string) =>
  `address/${nameOf(CHANNELS, channel)}/${address}`;

/** The value is the address that is its channel's first choice. */
export const toPrimaryKey = (channel: ContactChannel) => `primary/${nameOf(CHANNELS, channel)}`;

/** @returns undefined for the key of something else. */
export function fromAddressKey(
  key: string,
): { readonly channel: ContactChannel; readonly address: string } | undefined {
  const [, name, address] = /^address\/([a-z]+)\/(.*)$/s.exec(key) ?? [];
  const channel = findIn(CHANNELS, name);
  return channel === undefined || address === undefined ? undefined : { channel, address };
}

/** A channel and a purpose. */
export type ConsentSubject = { readonly channel: ContactChannel; readonly purpose: Purpose };
/** Each kind of word has a register of its own, so that the newest of each is known: which stands follows from the three. */
export type ConsentWord = "granted" | "implied" | "denied";

/** `{channel}/{purpose}`. */
export const toConsentName = ({ channel, purpose }: ConsentSubject) =>
  `${nameOf(CHANNELS, channel)}/${nameOf(PURPOSES, purpose)}`;

/** Reads what `toConsentName` wrote. */
export function fromConsentName(name: string): ConsentSubject | undefined {
  const [channelName, purposeName] = name.split("/");
  const channel = findIn(CHANNELS, channelName);
  const purpose = findIn(PURPOSES, purposeName);
  return channel === undefined || purpose === undefined ? undefined : { channel, purpose };
}

/** The value is true. */
export const toConsentKey = (subject: ConsentSubject, word: ConsentWord) => `consent/${toConsentName(subject)}/${word}`;

export const toConsentWord = (status: ConsentStatus, isImplied: boolean): ConsentWord =>
  status === ConsentStatus.DENIED ? "denied" : isImplied ? "implied" : "granted";

/** Every channel and purpose there is. */
export const CONSENT_SUBJECTS: readonly ConsentSubject[] = Object.values(CHANNELS).flatMap((channel) =>
  Object.values(PURPOSES).map((purpose) => ({ channel, purpose })),
);

const nameOf = (names: Readonly<Record<string, number>>, value: number): string =>
  Object.entries(names).find(([, one]) => one === value)?.[0] ?? String(value);

const findIn = <T>(names: Readonly<Record<string, T>>, name: string | undefined): T | undefined =>
  name !== undefined && Object.hasOwn(names, name) ? names[name] : undefined;
