import { type Place, type Problems, quote } from "./template-problem.ts";

/** A word, number, string or sign in a tag. */
export type Token = {
  readonly kind: "name" | "number" | "string" | "sign" | "end";
  /** As written; of a string, what it stands for. */
  readonly text: string;
  /** Where it begins in the source. */
  readonly offset: number;
  readonly place: Place;
};

const SIGNS = ["===", "!==", "==", "!=", "<=", ">=", "=>", "&&", "||", "??", ..."<>!|()[]{},.:;="];
const NAME = /[A-Za-z_$][\w$]*/y;
const NUMBER = /-?\d+(\.\d+)?/y;
const SPACE = /(\s|\/\*[\s\S]*?\*\/)+/y;

/** Cuts a tag's text into tokens, the last of which is the end. Undefined when it can't be. */
export function toTokens(
  text: string,
  { problems, offset, placeAt }: { problems: Problems; offset: number; placeAt: (offset: number) => Place },
): Token[] | undefined {
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  const push = (kind: Token["kind"], shown: string, length: number) => {
    tokens.push({ kind, text: shown, offset: offset + at, place: placeAt(offset + at) });
    at += length;
  };
  while (at < text.length) {
    const space = match(SPACE);
    if (space !== undefined) {
      at += space.length;
      continue;
    }
    const name = match(NAME);
    const number = name === undefined ? match(NUMBER) : undefined;
    const sign = SIGNS.find((one) => text.startsWith(one, at));
    const first = text[at] ?? "";
    if (name !== undefined) push("name", name, name.length);
    else if (number !== undefined) push("number", number, number.length);
    else if (first === '"' || first === "'") {
      const read = readString(text, at);
      if (read === undefined) {
        problems.add(placeAt(offset + at), quote(text.slice(at)), `a string that ends with ${first} on the same line`);
        return undefined;
      }
      push("string", read.value, read.length);
    } else if (sign !== undefined) push("sign", sign, sign.length);
    else {
      problems.add(placeAt(offset + at), quote(first), "a variable such as it.name, a string, a number or a filter");
      return undefined;
    }
  }
  tokens.push({ kind: "end", text: "the end of the tag", offset: offset + at, place: placeAt(offset + at) });
  return tokens;
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", '"': '"', "'": "'", "\\": "\\" };

function readString(text: string, from: number): { readonly value: string; readonly length: number } | undefined {
  const quoted = text[from];
  let value = "";
  for (let at = from + 1; at < text.length; at += 1) {
    const character = text[at] ?? "";
    if (character === quoted) return { value, length: at + 1 - from };
    if (character === "\n" || character === "\r") return undefined;
    if (character !== "\\") {
      value += character;
      continue;
    }
    at += 1;
    const escaped = ESCAPES[text[at] ?? ""];
    if (escaped === undefined) return undefined;
    value += escaped;
  }
  return undefined;
}
