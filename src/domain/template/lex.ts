import type { Statement } from "./expression.ts";
import { parseTag } from "./parse-tag.ts";
import { type Place, type Problems, quote } from "./template-problem.ts";

/** A source is text and tags in turn. */
export type Segment =
  | { readonly kind: "text"; readonly text: string; readonly place: Place }
  | {
      readonly kind: "tag";
      /** The whole tag, `<%` and `%>` included. */
      readonly source: string;
      readonly statement: Statement;
      readonly place: Place;
    };

const OPEN = "<%";
const CLOSE = "%>";

/** Cuts a source into text and tags. A tag that writes nothing takes the line break behind it along, as Eta does. */
export function lex(source: string, field: string, problems: Problems): Segment[] {
  const segments: Segment[] = [];
  const placeAt = toPlaces(source, field);
  let at = 0;
  while (at < source.length) {
    const open = source.indexOf(OPEN, at);
    const end = open === -1 ? source.length : open;
    if (end > at) segments.push({ kind: "text", text: source.slice(at, end), place: placeAt(at) });
    if (open === -1) break;
    const close = findClose(source, open + OPEN.length);
    if (close === undefined) {
      problems.add(placeAt(open), quote(source.slice(open)), `a tag that is closed with ${CLOSE}`);
      break;
    }
    const place = placeAt(open);
    const statement = parseTag(source.slice(open + OPEN.length, close), { problems, tag: open, placeAt });
    at = close + CLOSE.length;
    const tag = source.slice(open, at);
    if (statement !== undefined) segments.push({ kind: "tag", source: tag, statement, place });
    if (statement !== undefined && statement.kind !== "output") at += lineBreakAt(source, at);
  }
  return segments;
}

const lineBreakAt = (source: string, at: number): number =>
  source.startsWith("\r\n", at) ? 2 : source[at] === "\n" ? 1 : 0;

/** Where the tag's `%>` is: one in a string or a comment is none. */
function findClose(source: string, from: number): number | undefined {
  let quoted = "";
  for (let at = from; at < source.length; at += 1) {
    const character = source[at] ?? "";
    if (quoted === "*") {
      if (source.startsWith("*/", at)) quoted = "";
    } else if (quoted !== "") {
      if (character === "\\") at += 1;
      else if (character === quoted || character === "\n") quoted = "";
    } else if (character === '"' || character === "'") quoted = character;
    else if (source.startsWith("/*", at)) {
      quoted = "*";
      at += 1;
    } else if (source.startsWith(CLOSE, at)) return at;
  }
  return undefined;
}

/** @returns the place of an offset; offsets are asked for in rising order mostly, but any is right. */
function toPlaces(source: string, field: string): (offset: number) => Place {
  const starts = [0];
  for (let at = source.indexOf("\n"); at !== -1; at = source.indexOf("\n", at + 1)) starts.push(at + 1);
  return (offset) => {
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { field, line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  };
}
