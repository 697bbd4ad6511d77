import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { isObject, without } from "./kind.ts";

/** The templates that a content uses in the version that is the newest when it is applied, however deep: of a campaign, of a step of
 *  its journey. */
export function listNewest(value: JsonValue): string[] {
  return listUses(value).flatMap(({ template, version }) => (version === undefined ? [template] : []));
}

/** Every use of a template, with its version where it names one. */
export function listUses(value: JsonValue): { readonly template: string; readonly version?: JsonValue }[] {
  if (Array.isArray(value)) return value.flatMap(listUses);
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([field, one]) => (field === "template" && isUse(one) ? [one] : listUses(one)));
}

/** The content without the versions of those uses. */
export function unpin(
  content: JsonObject,
  isUnpinned: (use: { template: string; version?: JsonValue }) => boolean,
): JsonObject {
  const walk = (value: JsonValue): JsonValue => {
    if (Array.isArray(value)) return value.map(walk);
    return isObject(value) ? unpin(value, isUnpinned) : value;
  };
  return Object.fromEntries(
    Object.entries(content).map(([field, one]) => [
      field,
      field === "template" && isUse(one) ? (isUnpinned(one) ? without(one, ["version"]) : one) : walk(one),
    ]),
  );
}

const isUse = (value: JsonValue): value is JsonObject & { readonly template: string } =>
  isObject(value) && typeof value.template === "string";
