import { Buffer } from "node:buffer";
import type { DescEnum, JsonValue } from "@bufbuild/protobuf";
import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";
import { z } from "zod";
import { type FieldViolation, InvalidInput } from "../domain/errors.ts";

/** Says what is wrong with a value: what came, and what would do. Undefined when it is right. */
export type Check<T> = (value: T) => string | undefined;

/** A schema out of checks, each asked only if those before it were content. The type is what protobuf has already made sure of. */
export function checked<T>(...checks: readonly Check<T>[]) {
  return z.custom<T>().superRefine((value, context) => {
    for (const check of checks) {
      const problem = check(value);
      if (problem === undefined) continue;
      context.addIssue({ code: "custom", message: problem });
      return;
    }
  });
}

/** Parses with a schema, or names every bad field by its path in the proto.
 *  @throws InvalidInput */
export function parseFields<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new InvalidInput(toViolations(result.error));
}

/** Parses piece by piece, and gathers what is bad of any: `attempt` has nothing of a bad one. */
export function gatherViolations() {
  const violations: FieldViolation[] = [];
  const attempt = <T>(parse: () => T): T | undefined => {
    try {
      return parse();
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      violations.push(...error.violations);
      return undefined;
    }
  };
  return { attempt, violations };
}

/** Parses twice over, and names what is bad for either.
 *  @throws InvalidInput */
export function parseBoth<A, B>(parseA: () => A, parseB: () => B): [A, B] {
  const { attempt, violations } = gatherViolations();
  const [a, b] = [attempt(parseA), attempt(parseB)];
  if (violations.length > 0) throw new InvalidInput(violations);
  return [a as A, b as B];
}

function toViolations(error: z.ZodError): FieldViolation[] {
  return error.issues.map(({ path, message }) => ({ field: toFieldPath(path), description: message }));
}

/** `["content", "actions", 2, "imageUrl"]` → `content.actions[2].image_url`. */
function toFieldPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((parent, part) => {
    if (typeof part === "number") return `${parent}[${part}]`;
    const name = String(part).replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    return parent === "" ? name : `${parent}.${name}`;
  }, "");
}

const SHOWN_MAX = 40;

/** A value as an error may show it: bounded, and with what can't be seen escaped. */
export function show(value: string): string {
  return value.length <= SHOWN_MAX
    ? JSON.stringify(value)
    : `${JSON.stringify(value.slice(0, SHOWN_MAX).toWellFormed())}…`;
}

/** Half a surrogate pair can't be written as UTF-8: it would be stored as another text than was sent. */
const wellFormed: Check<string> = (value) =>
  value.isWellFormed() ? undefined : `${show(value)} is not well-formed Unicode`;

/** Text of so many characters (Unicode code points). */
export const text = ({ min = 0, max }: { readonly min?: number; readonly max: number }): Check<string> => {
  const allowed = min === 0 ? `up to ${max}` : `${min} to ${max}`;
  return (value) => {
    const problem = wellFormed(value);
    if (problem !== undefined) return problem;
    if (value.length < min) return `it is empty; ${allowed} characters are needed`;
    // Most strings are short; only a long one needs to be counted by code points.
    if (value.length > max && [...value.slice(0, max * 2 + 1)].length > max)
      return `${show(value)} has more than ${max} characters; ${allowed} are allowed`;
    return undefined;
  };
};

const CONTROL_CHARACTER = /\p{Cc}/u;
export const withoutControlCharacters: Check<string> = (value) =>
  CONTROL_CHARACTER.test(value) ? `${show(value)} has a control character` : undefined;

const URL_CHARACTERS_MAX = 2_048;

/** An absolute http or https URL; empty is left to the schema around it. */
export const httpUrl: Check<string> = (value) => {
  if (value.length > URL_CHARACTERS_MAX)
    return `${show(value)} has ${value.length} characters; up to ${URL_CHARACTERS_MAX} are allowed`;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const isAbsolute = /^https?:\/\//i.test(value) && (url?.protocol === "http:" || url?.protocol === "https:");
  return isAbsolute ? undefined : `${show(value)} is not an absolute http or https URL`;
};

/** Asks only of what is not empty. */
export const orEmpty =
  (check: Check<string>): Check<string> =>
  (value) =>
    value === "" ? undefined : check(value);

/** Validated names are remembered, since asking Intl costs tens of microseconds; bounded because callers choose them. */
const knownTimeZones = new Set<string>();
const KNOWN_TIME_ZONES_MAX = 1_000;

export const timeZone: Check<string> = (value) => {
  if (knownTimeZones.has(value)) return undefined;
  try {
    // Intl takes offsets such as +02:00 too, which know no summer time and are no IANA names.
    if (/^[A-Za-z]/.test(value)) {
      new Intl.DateTimeFormat("en", { timeZone: value });
      if (knownTimeZones.size < KNOWN_TIME_ZONES_MAX) knownTimeZones.add(value);
      return undefined;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return `${show(value)} is not an IANA time zone such as "Europe/Paris"`;
};

export const locale: Check<string> = (value) => {
  try {
    if (value.length <= 64 && Intl.getCanonicalLocales(value).length === 1) return undefined;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return `${show(value)} is not a BCP 47 tag such as "fr-CA"`;
};

export const timeOfDay: Check<string> = (value) =>
  /^([01]\d|2[0-3]):[0-5]\d$/.test(value) ? undefined : `${show(value)} is not HH:MM in 00:00-23:59`;

/** One of the enum's values; numbers that this version does not know are refused, not guessed at. */
export const memberOf = (desc: DescEnum, options: { readonly allowUnspecified: boolean }): Check<number> => {
  const allowed = desc.values.filter(({ number }) => options.allowUnspecified || number !== 0);
  const names = allowed.map(({ name }) => name).join(", ");
  return (value) =>
    allowed.some(({ number }) => number === value)
      ? undefined
      : `${desc.value[value]?.name ?? value} is not one of ${names}`;
};

export const wholeNumber = ({ min, max }: { readonly min: number; readonly max: number }): Check<number> => {
  return (value) => (value >= min && value <= max ? undefined : `${value} is not in ${min}-${max}`);
};

const NANOS_PER_SECOND = 1_000_000_000;

/** A currency by its three letters. */
export const currency: Check<string> = (value) =>
  /^[A-Z]{3}$/.test(value) ? undefined : `${show(value)} is not an ISO 4217 code such as "EUR"`;

/** A duration between two bounds in seconds. */
export const durationBetween = ({
  minS,
  maxS,
  allowed,
}: {
  readonly minS: number;
  readonly maxS: number;
  readonly allowed: string;
}): Check<Duration> => {
  return ({ seconds, nanos }) => {
    const isNormal =
      Math.abs(nanos) < NANOS_PER_SECOND && (seconds === 0n || nanos === 0 || seconds > 0n === nanos > 0);
    const value = Number(seconds) + nanos / NANOS_PER_SECOND;
    return isNormal && value >= minS && value <= maxS ? undefined : `${value} s is not in ${allowed}`;
  };
};

/** 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, the bounds that google.protobuf.Timestamp states. */
const TIMESTAMP_SECONDS = { min: -62_135_596_800n, max: 253_402_300_799n };

export const timestamp: Check<Timestamp> = ({ seconds, nanos }) => {
  const isIn =
    seconds >= TIMESTAMP_SECONDS.min && seconds <= TIMESTAMP_SECONDS.max && nanos >= 0 && nanos < NANOS_PER_SECOND;
  return isIn ? undefined : `${seconds} s and ${nanos} ns is not a time in the years 1 to 9999`;
};

const JSON_DEPTH_MAX = 32;

/** Data that can be written as JSON of so many bytes. */
export const jsonUpTo = (bytesMax: number): Check<JsonValue> => {
  return (value) => {
    const problem = findJsonProblem(value, 0);
    if (problem !== undefined) return problem;
    const bytes = Buffer.byteLength(JSON.stringify(value));
    return bytes > bytesMax ? `it takes ${bytes} bytes as JSON; up to ${bytesMax} are allowed` : undefined;
  };
};

function findJsonProblem(value: JsonValue, depth: number): string | undefined {
  if (depth > JSON_DEPTH_MAX) return `it is nested more than ${JSON_DEPTH_MAX} deep`;
  if (typeof value === "number") return Number.isFinite(value) ? undefined : `${value} is no JSON number`;
  if (typeof value === "string") return wellFormed(value);
  if (value === null || typeof value !== "object") return undefined;
  for (const [key, child] of Object.entries(value)) {
    const problem = key.isWellFormed()
      ? findJsonProblem(child, depth + 1)
      : `the name ${show(key)} is not well-formed Unicode`;
    if (problem !== undefined) return problem;
  }
  return undefined;
}
