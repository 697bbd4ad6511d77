import type { JsonObject } from "@bufbuild/protobuf";
import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import { z } from "zod";
import {
  type Address,
  ConsentStatus,
  ConsentStatusSchema,
  type ContactChannel,
  ContactChannelSchema,
  Purpose,
  PurposeSchema,
} from "../../gen/intervention/v1/profile_pb.js";
import type { SetConsentRequest, UpsertRequest } from "../../gen/intervention/v1/profile_service_pb.js";
import { toAttributeName, toChanges } from "../domain/profile/to-changes.ts";
import { profileAddressSchema } from "./address-checks.ts";
import {
  type Check,
  checked,
  jsonUpTo,
  locale,
  memberOf,
  orEmpty,
  parseFields,
  show,
  text,
  timeOfDay,
  timestamp,
  timeZone,
  withoutControlCharacters,
} from "./field-checks.ts";
import { USER_ID } from "./parse-trigger.ts";
import type { UserChange } from "./profile-keeper.ts";
import { ADDRESSES_MAX, ATTRIBUTES_BYTES_MAX, ATTRIBUTES_MAX } from "./to-profile-document.ts";

const NAME_CHARACTERS_MAX = 64;
const MASK_PATHS_MAX = 1 + ATTRIBUTES_MAX;
/** A clock that runs a little fast is forgiven; a change from next year would stand till then. */
const AHEAD_MS_MAX = 5 * 60_000;

const attributeName: Check<string> = (name) =>
  text({ min: 1, max: NAME_CHARACTERS_MAX })(name) ?? withoutControlCharacters(name);

const attributeNames: Check<JsonObject> = (attributes) => {
  const names = Object.keys(attributes);
  if (names.length > ATTRIBUTES_MAX) return `there are ${names.length}; up to ${ATTRIBUTES_MAX} are allowed`;
  for (const name of names) {
    const problem = attributeName(name);
    if (problem !== undefined) return `a name is not allowed: ${problem}`;
  }
  return undefined;
};

const profileSchema = z.object(
  {
    userId: checked(...USER_ID),
    timeZone: checked(orEmpty(timeZone)),
    locale: checked(orEmpty(locale)),
    quietHours: z
      .object({ start: checked(timeOfDay), end: checked(timeOfDay) })
      .refine(({ start, end }) => start !== end, {
        path: ["end"],
        error: "it is the same as start: no time is between them",
      })
      .optional(),
    attributes: checked<JsonObject>(attributeNames, jsonUpTo(ATTRIBUTES_BYTES_MAX)).optional(),
    addresses: checked<Pick<Address, "channel" | "address" | "removed">[]>((addresses) =>
      addresses.length > ADDRESSES_MAX
        ? `there are ${addresses.length}; up to ${ADDRESSES_MAX} are allowed`
        : undefined,
    ).pipe(z.array(profileAddressSchema)),
  },
  { error: "it is missing; it says who and what" },
);

const PATHS = new Set(["time_zone", "locale", "quiet_hours", "addresses", "attributes"]);
const maskPath: Check<string> = (path) => {
  if (PATHS.has(path)) return undefined;
  const name = toAttributeName(path);
  if (name === undefined)
    return `${show(path)} is not one of time_zone, locale, quiet_hours, addresses, attributes, attributes.{name}`;
  return attributeName(name);
};

/** When something changed; absent: now. */
export const changeTime = (now: Date) =>
  checked<Timestamp>(timestamp, (time) =>
    timestampMs(time) > now.getTime() + AHEAD_MS_MAX
      ? `it is more than ${AHEAD_MS_MAX / 60_000} min after the engine's clock, ${now.toISOString()}`
      : undefined,
  ).optional();

const upsertSchema = (now: Date) =>
  z.object({
    profile: profileSchema,
    updateMask: z
      .object({
        paths: checked<string[]>((paths) =>
          paths.length > MASK_PATHS_MAX ? `there are ${paths.length}; up to ${MASK_PATHS_MAX} are allowed` : undefined,
        ).pipe(z.array(checked(maskPath))),
      })
      .optional(),
    changeTime: changeTime(now),
    changeId: checked(text({ max: 64 }), withoutControlCharacters),
  });

/** Makes a change safe to rely on.
 *  @throws InvalidInput naming every bad field. */
export function parseUpsert(request: UpsertRequest, now: Date): UserChange {
  const fields = parseFields(upsertSchema(now), request);
  const at = fields.changeTime === undefined ? now.getTime() : timestampMs(fields.changeTime);
  // What zod gave back has the checked fields only; the profile itself has what is not checked, such as `verified`.
  const profile = request.profile;
  if (profile === undefined) throw new Error("a profile that was checked is there");
  return {
    userId: fields.profile.userId,
    changes: toChanges(profile, fields.updateMask?.paths ?? [], { at, id: fields.changeId }),
  };
}

const consentSchema = (now: Date) =>
  z.object({
    userId: checked(...USER_ID),
    channel: checked<ContactChannel>(memberOf(ContactChannelSchema, { allowUnspecified: false })),
    purpose: checked<Purpose>(memberOf(PurposeSchema, { allowUnspecified: true })).transform(
      (purpose) => purpose || Purpose.MARKETING,
    ),
    status: checked<ConsentStatus>(memberOf(ConsentStatusSchema, { allowUnspecified: false })),
    changeTime: changeTime(now),
    source: checked(text({ min: 1, max: 128 }), withoutControlCharacters),
    textVersion: checked(text({ max: 128 }), withoutControlCharacters),
    implied: z.boolean(),
    requestId: checked(text({ max: 128 }), withoutControlCharacters),
  });

/** Makes what a user has said safe to rely on.
 *  @throws InvalidInput naming every bad field. */
export function parseSetConsent(request: SetConsentRequest, now: Date) {
  const fields = parseFields(
    consentSchema(now).refine(({ implied, status }) => !implied || status === ConsentStatus.GRANTED, {
      path: ["implied"],
      error: "only a yes can be implied; a no is a no",
    }),
    request,
  );
  return { ...fields, changedAt: fields.changeTime === undefined ? now : new Date(timestampMs(fields.changeTime)) };
}
