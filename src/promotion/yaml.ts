import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { parseDocument, stringify } from "yaml";

/** For people to read: texts of several lines are written as such, and nothing is broken at some width. */
export const toYaml = (content: JsonObject): string =>
  stringify(content, { lineWidth: 0, blockQuote: "literal", aliasDuplicateObjects: false });

/** YAML 1.2, of which JSON is a part.
 *  @throws Error saying by line and column what is wrong. */
export function parseYaml(text: string): JsonValue {
  const document = parseDocument(text, { uniqueKeys: true });
  const [first] = document.errors;
  if (first !== undefined) throw new Error(first.message.trimEnd());
  return document.toJS() as JsonValue;
}
