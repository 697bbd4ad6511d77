import type { JsonObject } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { z } from "zod";
import type { BatchGetProfilesResponse } from "../../gen/data_intelligence/v1/profile_service_pb.js";

/** What the data-intelligence service knows of a user. */
export type KnownProfile = {
  readonly attributes: JsonObject;
  readonly segments: readonly string[];
  /** IANA; empty when not known. */
  readonly timeZone: string;
  /** BCP 47; empty when not known. */
  readonly locale: string;
  readonly lifetimeValue?: { readonly currency: string; readonly minor: bigint };
  readonly updatedAt?: Date;
};

/** The neighbour's answer is not one: it counts as no answer at all, since nobody knows which half of it is right. */
export class GarbageAnswer extends Error {}

const NAMES_MAX = 200;
const ATTRIBUTES_BYTES_MAX = 65_536;

/** Asking Intl costs tens of microseconds, and there are some six hundred zones. */
const knownTimeZones = new Set<string>([""]);
const KNOWN_TIME_ZONES_MAX = 1_000;

function isTimeZone(value: string): boolean {
  if (knownTimeZones.has(value)) return true;
  if (!/^[A-Za-z]/.test(value) || value.length > 64) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: value });
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
  if (knownTimeZones.size < KNOWN_TIME_ZONES_MAX) knownTimeZones.add(value);
  return true;
}

function isLocale(value: string): boolean {
  if (value === "") return true;
  try {
    return value.length <= 64 && Intl.getCanonicalLocales(value).length === 1;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

const profileSchema = z.object({
  userId: z.string().min(1).max(128),
  attributes: z
    .custom<JsonObject>()
    .refine((value) => Object.keys(value).every((name) => name.length >= 1 && name.length <= 64), "names of attributes")
    .refine((value) => Object.keys(value).length <= NAMES_MAX, "number of attributes")
    .refine((value) => JSON.stringify(value).length <= ATTRIBUTES_BYTES_MAX, "size of attributes")
    .optional(),
  segments: z.array(z.string().min(1).max(128)).max(NAMES_MAX),
  timeZone: z.string().refine(isTimeZone, "no IANA time zone"),
  locale: z.string().refine(isLocale, "no BCP 47 tag"),
  lifetimeValue: z.object({ currency: z.string().regex(/^[A-Z]{3}$/), minor: z.bigint() }).optional(),
  updateTime: z
    .object({ seconds: z.bigint().min(-62_135_596_800n).max(253_402_300_799n), nanos: z.int().min(0).max(999_999_999) })
    .optional(),
});

/** The profiles by user id; undefined for a user who is not known.
 *  @throws GarbageAnswer when anything in it is not as the contract says. */
export function parseAnswer(
  response: BatchGetProfilesResponse,
  userIds: readonly string[],
): Map<string, KnownProfile | undefined> {
  const profiles = new Map<string, KnownProfile | undefined>(userIds.map((id) => [id, undefined]));
  for (const one of response.profiles) {
    const { success, data, error } = profileSchema.safeParse(one);
    if (!success) throw new GarbageAnswer(`a profile is not one: ${z.prettifyError(error)}`);
    const { userId, attributes = {}, segments, timeZone, locale, lifetimeValue, updateTime } = data;
    if (!profiles.has(userId)) throw new GarbageAnswer("a profile of a user who was not asked for");
    if (profiles.get(userId) !== undefined) throw new GarbageAnswer("two profiles of one user");
    profiles.set(userId, {
      ...{ attributes, segments, timeZone, locale },
      ...(lifetimeValue === undefined ? {} : { lifetimeValue }),
      ...(updateTime === undefined
        ? {}
        : { updatedAt: timestampDate({ $typeName: "google.protobuf.Timestamp", ...updateTime }) }),
    });
  }
  return profiles;
}
