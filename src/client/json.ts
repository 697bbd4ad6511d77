/** Reads values out of parsed JSON by protobuf's mapping, where a field that has its default may be
 *  absent and a 64-bit integer is a string. A value of another type reads as the default. */
export type JsonObject = { readonly [key: string]: unknown };

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Undefined is not a JSON value, so it can stand for "not JSON": the caller decides what that means.
    return undefined;
  }
}

export function toObject(value: unknown): JsonObject | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}

export function toText(value: unknown): string {
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
}

/** An int32; some encoders write it as a string. */
export function toInteger(value: unknown): number {
  const number = Number(value);
  return Number.isInteger(number) ? number : 0;
}

export function toTexts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === "string") : [];
}

/** A google.protobuf.Timestamp (RFC 3339) as milliseconds since 1970; undefined when absent or unreadable. */
export function toTimeMs(value: unknown): number | undefined {
  const ms = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

export function toDate(value: unknown): Date | undefined {
  const ms = toTimeMs(value);
  return ms === undefined ? undefined : new Date(ms);
}
