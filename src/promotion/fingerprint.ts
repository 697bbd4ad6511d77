import { createHash } from "node:crypto";
import type { JsonValue } from "@bufbuild/protobuf";
import { isObject } from "./kind.ts";

/** What tells two contents apart, whatever order their fields came in: SHA-256 in hexadecimal. */
export function toFingerprint(content: JsonValue): string {
  const text = JSON.stringify(content, (_, one: JsonValue) =>
    isObject(one) ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1))) : one,
  );
  return createHash("sha256").update(text).digest("hex");
}
