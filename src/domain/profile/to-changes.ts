import type { Address, Profile } from "../../../gen/intervention/v1/profile_pb.js";
import { toQuietHoursText } from "./quiet-hours-text.ts";
import {
  LOCALE_KEY,
  QUIET_HOURS_KEY,
  TIME_ZONE_KEY,
  toAddressKey,
  toAttributeKey,
  toPrimaryKey,
} from "./register-keys.ts";
import type { Register, Registers } from "./registers.ts";

/** The parts of a profile that callers set. */
export type ProfileChange = Pick<Profile, "attributes" | "addresses" | "timeZone" | "locale" | "quietHours">;

/** What a change says of each value it names.
 *  @param paths of the update mask; empty: everything the profile has. A path that is no field of a profile says nothing. */
export function toChanges(
  profile: ProfileChange,
  paths: readonly string[],
  when: { readonly at: number; readonly id: string },
): Registers {
  const changes = new Map<string, Register>();
  const set = (key: string, value: Register["value"]) => changes.set(key, { value, ...when });
  const isNamed = (path: string) => paths.includes(path);
  const isAll = paths.length === 0;
  const attributes = profile.attributes ?? {};
  if (isNamed("time_zone") || (isAll && profile.timeZone !== "")) set(TIME_ZONE_KEY, profile.timeZone || null);
  if (isNamed("locale") || (isAll && profile.locale !== "")) set(LOCALE_KEY, profile.locale || null);
  if (isNamed("quiet_hours") || (isAll && profile.quietHours !== undefined))
    set(QUIET_HOURS_KEY, profile.quietHours === undefined ? null : toQuietHoursText(profile.quietHours));
  if (isAll || isNamed("attributes"))
    for (const [name, value] of Object.entries(attributes)) set(toAttributeKey(name), value);
  for (const path of paths) {
    const name = toAttributeName(path);
    if (name !== undefined)
      set(toAttributeKey(name), Object.hasOwn(attributes, name) ? (attributes[name] ?? null) : null);
  }
  if (isAll || isNamed("addresses"))
    for (const address of profile.addresses) {
      set(toAddressKey(address.channel, toKnownForm(address)), address.removed ? null : address.verified);
      if (address.primary && !address.removed) set(toPrimaryKey(address.channel), toKnownForm(address));
    }
  return changes;
}

/** The attribute that a path of an update mask names; undefined for another path. */
export function toAttributeName(path: string): string | undefined {
  return path.startsWith("attributes.") ? path.slice("attributes.".length) : undefined;
}

/** The domain of an email address knows no case; the part before it may. */
const toKnownForm = ({ address }: Pick<Address, "address">) =>
  address.replace(/@[^@]*$/, (domain) => domain.toLowerCase());
