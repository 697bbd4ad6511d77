import { Buffer } from "node:buffer";
import { ConsentStatus, ContactChannel } from "../../gen/intervention/v1/profile_pb.js";
import { findBestAddress } from "../domain/delivery/choose-address.ts";
import { type FieldViolation, InvalidInput } from "../domain/errors.ts";
import { listConsents } from "../domain/profile/consent.ts";
import { LOCALE_KEY, QUIET_HOURS_KEY, TIME_ZONE_KEY, toConsentName } from "../domain/profile/register-keys.ts";
import { type Registers, toRegistersText } from "../domain/profile/registers.ts";
import { toAddresses, toAttributes, toSearchKeys, toText } from "../domain/profile/to-profile.ts";
import { type ProfileDocument, profileId } from "../store/index.ts";

/** What a provider carries messages to. */
const CONTACTS = [ContactChannel.EMAIL, ContactChannel.SMS, ContactChannel.PUSH];
export const ATTRIBUTES_MAX = 200;
export const ADDRESSES_MAX = 50;
export const ATTRIBUTES_BYTES_MAX = 65_536;
/** What was taken away counts too: it must be remembered, or an older change could bring it back. */
const REGISTERS_MAX = 1_000;
const REGISTERS_BYTES_MAX = 4 * ATTRIBUTES_BYTES_MAX;

/** A profile as it is stored, one revision on.
 *  @throws InvalidInput when it has become too large. */
export function toProfileDocument(options: {
  readonly workspaceId: string;
  readonly userId: string;
  readonly before: ProfileDocument | undefined;
  readonly registers: Registers;
  readonly indexedAttributes: readonly string[];
  readonly now: Date;
}): ProfileDocument {
  const { workspaceId, userId, before, registers } = options;
  const text = toRegistersText(registers);
  requireBounds(registers, text);
  return {
    _id: profileId(workspaceId, userId),
    workspaceId,
    userId,
    revision: (before?.revision ?? 0) + 1,
    registers: text,
    timeZone: toText(registers, TIME_ZONE_KEY),
    locale: toText(registers, LOCALE_KEY),
    ...(toText(registers, QUIET_HOURS_KEY) === "" ? {} : { quietHours: toText(registers, QUIET_HOURS_KEY) }),
    denied: listConsents(registers)
      .filter(({ status }) => status === ConsentStatus.DENIED)
      .map((consent) => ({ name: toConsentName(consent), at: new Date(consent.at) })),
    granted: listConsents(registers)
      .filter(({ status, channel }) => status === ConsentStatus.GRANTED && CONTACTS.includes(channel))
      .map((consent) => ({ name: toConsentName(consent), at: new Date(consent.at) })),
    addresses: CONTACTS.flatMap((contact) => {
      const best = findBestAddress(toAddresses(registers), contact);
      if (best === undefined) return [];
      const { channel, address, verified, primary } = best;
      return { channel, address, verified, primary };
    }),
    searchKeys: toSearchKeys(registers, options.indexedAttributes),
    aliases: before?.aliases ?? [],
    listedAs: userId,
    updatedAt: options.now,
  };
}

function requireBounds(registers: Registers, text: string): void {
  const attributes = toAttributes(registers);
  const counts = [
    { field: "attributes", what: "attributes", count: Object.keys(attributes).length, max: ATTRIBUTES_MAX },
    { field: "addresses", what: "addresses", count: toAddresses(registers).length, max: ADDRESSES_MAX },
    {
      field: "attributes",
      what: "bytes of attributes",
      count: bytesOf(JSON.stringify(attributes)),
      max: ATTRIBUTES_BYTES_MAX,
    },
    { field: "", what: "values, with those taken away", count: registers.size, max: REGISTERS_MAX },
    { field: "", what: "bytes, with what was taken away", count: bytesOf(text), max: REGISTERS_BYTES_MAX },
  ];
  const violations: FieldViolation[] = counts.flatMap(({ field, what, count, max }) =>
    count <= max
      ? []
      : {
          field: field === "" ? "profile" : `profile.${field}`,
          description: `the profile would have ${count} ${what}; up to ${max} are allowed`,
        },
  );
  if (violations.length > 0) throw new InvalidInput(violations);
}

const bytesOf = (text: string) => Buffer.byteLength(text);
