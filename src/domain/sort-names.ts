import type { JsonObject, JsonValue } from "@bufbuild/protobuf";

/** The same data with its names in order, at every depth: equal data then has equal bytes. */
export function sortNames(object: JsonObject): JsonObject {
  // fromEntries defines properties and never sets them, so that the name "__proto__" is like any other.
  return Object.fromEntries(
    Object.entries(object)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => [name, sortValue(value)]),
  );
}

function sortValue(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sortValue);
  return value === null || typeof value !== "object" ? value : sortNames(value);
}
