/** A record of comma-separated values, or why it is none. `line` is where it begins, counted from 1. */
export type CsvRecord = { readonly line: number } & (
  | { readonly fields: readonly string[] }
  | { readonly problem: string }
);

export type CsvOptions = {
  /** Characters of a record. */
  readonly sizeMax: number;
  /** Whether spaces around a field without quotes are left out. RFC 4180 counts them as part of it. */
  readonly isTrimmed: boolean;
};

type Taken =
  | { readonly kind: "record"; readonly fields: string[]; readonly end: number }
  | { readonly kind: "bad"; readonly problem: string; readonly end: number }
  | { readonly kind: "more"; readonly problem: string };

/** Reads RFC 4180 with LF or CRLF, and goes on after what is malformed: with the next line, or, where a quote is never closed, with
 *  the line after the one that opened it. That is why it is not a library's: those that were looked at lose good records then.
 *  Empty lines and a byte order mark are passed over. Holds no more than one record of up to `sizeMax` characters, and a piece. */
export async function* readCsvRecords(
  pieces: AsyncIterable<Uint8Array>,
  { sizeMax, isTrimmed }: CsvOptions,
): AsyncGenerator<CsvRecord> {
  const decoder = new TextDecoder();
  let text = "";
  let line = 1;
  let isSkipping = false;
  /** Takes what is complete; the rest stays for more to come. */
  function* drain(isLast: boolean): Generator<CsvRecord> {
    let start = 0;
    while (start < text.length) {
      if (isSkipping) {
        const next = text.indexOf("\n", start);
        start = next < 0 ? text.length : next + 1;
        if (next < 0) break;
        isSkipping = false;
        line += 1;
        continue;
      }
      let taken = takeRecord(text, start, { isLast, isTrimmed });
      if (taken.kind === "more") {
        if (!isLast && text.length - start <= sizeMax) break;
        const next = text.indexOf("\n", start);
        isSkipping = next < 0 && !isLast;
        const problem = isLast ? taken.problem : `it has more than ${sizeMax} characters, or ${taken.problem}`;
        taken = { kind: "bad", problem, end: next < 0 ? text.length : next + 1 };
      }
      const { end } = taken;
      if (taken.kind === "bad") yield { line, problem: taken.problem };
      else if (end - start > sizeMax) yield { line, problem: `it has more than ${sizeMax} characters` };
      else if (taken.fields.length > 1 || taken.fields[0] !== "" || text[start] === '"')
        yield toRecord(line, taken.fields);
      line += countLines(text, start, end);
      start = end;
    }
    text = text.slice(start);
  }
  for await (const piece of pieces) {
    text += decoder.decode(piece, { stream: true });
    // A record can only have ended where a line has.
    if (piece.includes(0x0a) || text.length > sizeMax) yield* drain(false);
  }
  text += decoder.decode();
  yield* drain(true);
}

function toRecord(line: number, fields: string[]): CsvRecord {
  // What the decoder puts in the place of bytes that are not UTF-8.
  const bad = fields.findIndex((field) => field.includes("\u{fffd}"));
  return bad < 0 ? { line, fields } : { line, problem: `its field ${bad + 1} is not UTF-8` };
}

type How = { readonly isLast: boolean; readonly isTrimmed: boolean };

function takeRecord(text: string, start: number, how: How): Taken {
  const fields: string[] = [];
  for (let at = start; ; ) {
    const field = text[at] === '"' ? takeQuoted(text, at, how) : takePlain(text, at, how);
    if (field === undefined) return { kind: "more", problem: "an opening quote is not closed" };
    const { value, end } = field;
    const next = text[end];
    if (value === undefined) return bad(text, end, "there is a quote within a field that does not begin with one");
    fields.push(value);
    if (next === ",") at = end + 1;
    else if (next === undefined) return { kind: "record", fields, end };
    else if (next === "\n") return { kind: "record", fields, end: end + 1 };
    else if (next === "\r" && text[end + 1] === "\n") return { kind: "record", fields, end: end + 2 };
    else return bad(text, end, "there is text after a closing quote");
  }
}

/** A malformed record ends with its line; if that has not come to its end yet, with what has come. */
function bad(text: string, at: number, problem: string): Taken {
  const next = text.indexOf("\n", at);
  return next < 0 ? { kind: "more", problem } : { kind: "bad", problem, end: next + 1 };
}

type Field = { readonly value: string | undefined; readonly end: number };

/** @returns undefined when more has to come; a value of undefined for one that has a quote in it. */
function takePlain(text: string, start: number, { isLast, isTrimmed }: How): Field | undefined {
  let end = start;
  while (end < text.length && text[end] !== "," && text[end] !== "\n") end += 1;
  if (end === text.length && !isLast) return undefined;
  const field = text.slice(start, end);
  const value = isTrimmed ? field.trim() : text[end] === "\n" && field.endsWith("\r") ? field.slice(0, -1) : field;
  return { value: value.includes('"') ? undefined : value, end };
}

function takeQuoted(text: string, start: number, { isLast }: How): Field | undefined {
  let value = "";
  for (let from = start + 1; ; ) {
    const quote = text.indexOf('"', from);
    // A quote at the very end may be the first of two, and a CR there the first half of a line's end.
    if (quote < 0 || (!isLast && quote + 2 >= text.length)) return undefined;
    value += text.slice(from, quote);
    if (text[quote + 1] !== '"') return { value, end: quote + 1 };
    value += '"';
    from = quote + 2;
  }
}

function countLines(text: string, start: number, end: number): number {
  let count = 0;
  for (let at = text.indexOf("\n", start); at >= 0 && at < end; at = text.indexOf("\n", at + 1)) count += 1;
  return count;
}
