import { create, type JsonObject } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type Address,
  AddressSchema,
  type Consent,
  ConsentSchema,
  ContactChannel,
  type Profile,
  ProfileSchema,
} from "../../../gen/intervention/v1/profile_pb.js";
import { listConsents, type StandingConsent } from "./consent.ts";
import { toQuietHours } from "./quiet-hours-text.ts";
import {
  fromAddressKey,
  fromAttributeKey,
  LOCALE_KEY,
  QUIET_HOURS_KEY,
  TIME_ZONE_KEY,
  toPrimaryKey,
} from "./register-keys.ts";
import type { Registers } from "./registers.ts";

/** A profile as callers see it. */
export function toProfile(userId: string, registers: Registers, mergedUserIds: readonly string[]): Profile {
  const newest = Math.max(...[...registers.values()].map(({ at }) => at));
  return create(ProfileSchema, {
    userId,
    attributes: toAttributes(registers),
    addresses: toAddresses(registers),
    timeZone: toText(registers, TIME_ZONE_KEY),
    locale: toText(registers, LOCALE_KEY),
    ...toQuietHours(toText(registers, QUIET_HOURS_KEY)),
    consents: listConsents(registers).map(toConsent),
    mergedUserIds: [...mergedUserIds],
    ...(Number.isFinite(newest) ? { updateTime: timestampFromMs(newest) } : {}),
  });
}

export const toConsent = ({ channel, purpose, status, at }: StandingConsent): Consent =>
  create(ConsentSchema, { channel, purpose, status, changeTime: timestampFromMs(at) });

/** The attributes that were not taken away. */
export function toAttributes(registers: Registers): JsonObject {
  const entries = [...registers].flatMap(([key, { value }]) => {
    const name = fromAttributeKey(key);
    return name === undefined || value === null ? [] : [[name, value] as const];
  });
  // fromEntries defines properties and never sets them, so that the name "__proto__" is like any other.
  return Object.fromEntries(entries);
}

/** The addresses that were not taken away, in the order of their keys. */
export function toAddresses(registers: Registers): Address[] {
  return [...registers]
    .flatMap(([key, { value }]) => {
      const parts = fromAddressKey(key);
      if (parts === undefined || value === null) return [];
      const primary = registers.get(toPrimaryKey(parts.channel))?.value === parts.address;
      return create(AddressSchema, { ...parts, verified: value === true, primary });
    })
    .sort((a, b) => a.channel - b.channel || (a.address < b.address ? -1 : 1));
}

export function toText(registers: Registers, key: string): string {
  const value = registers.get(key)?.value;
  return typeof value === "string" ? value : "";
}

/** What a profile can be searched by: `email/…` and `sms/…` whatever the case, and `attribute/{name}/{value as JSON}`. */
export function toSearchKeys(registers: Registers, indexedAttributes: readonly string[]): string[] {
  const addresses = toAddresses(registers).flatMap(
    ({ channel, address }) => toAddressSearchKey(channel, address) ?? [],
  );
  const attributes = toAttributes(registers);
  return [
    ...addresses,
    ...indexedAttributes.flatMap((name) =>
      Object.hasOwn(attributes, name) ? (toAttributeSearchKey(name, attributes[name]) ?? []) : [],
    ),
  ];
}

/** @returns undefined for a channel whose addresses nobody looks for. */
export function toAddressSearchKey(channel: ContactChannel, address: string): string | undefined {
  if (channel === ContactChannel.EMAIL) return `email/${address.toLowerCase()}`;
  return channel === ContactChannel.SMS ? `sms/${address}` : undefined;
}

const SEARCHED_CHARACTERS_MAX = 256;

/** @returns undefined for a value that is no string, number or boolean, or too long. */
export function toAttributeSearchKey(name: string, value: unknown): string | undefined {
  const isScalar = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
  if (!isScalar || String(value).length > SEARCHED_CHARACTERS_MAX) return undefined;
  return `attribute/${encodeURIComponent(name)}/${JSON.stringify(value)}`;
}
