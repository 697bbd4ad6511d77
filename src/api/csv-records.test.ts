import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { type CsvRecord, readCsvRecords } from "./csv-records.ts";

const SIZE_MAX = 100;

async function read(text: string | Uint8Array, pieceSize = 1_000, isTrimmed = true): Promise<CsvRecord[]> {
  const bytes = Buffer.from(text);
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += pieceSize) yield bytes.subarray(at, at + pieceSize);
  }
  const records: CsvRecord[] = [];
  for await (const record of readCsvRecords(pieces(), { sizeMax: SIZE_MAX, isTrimmed })) records.push(record);
  return records;
}
/** `line: fields` or `line! ` and the problem's beginning. */
const show = (records: readonly CsvRecord[]) =>
  records.map((one) => ("fields" in one ? `${one.line}: ${one.fields.join("|")}` : `${one.line}!`));

describe("comma-separated values", () => {
  test.each<[string, string, string[]]>([
    ["nothing", "", []],
    ["a last line without an end", "a,b\nc,d", ["1: a|b", "2: c|d"]],
    ["CRLF and empty lines", "a,b\r\n\r\nc,d\r\n", ["1: a|b", "3: c|d"]],
    ["empty fields", ",\n,,\n", ["1: |", "2: ||"]],
    ["quotes, commas and lines in quotes", '"a ""b"", c\nd",e\nf,g\n', ['1: a "b", c\nd|e', "3: f|g"]],
    ["a quote within a field, and what follows", 'a,b"c\nd,e\n', ["1!", "2: d|e"]],
    ["text after a closing quote, and what follows", '"a"b,c\nd,e\n', ["1!", "2: d|e"]],
    ["a quote that is never closed, and what follows its line", 'a,"b\nc,d\ne,f\n', ["1!", "2: c|d", "3: e|f"]],
    ["a line that is too long", `a,${"x".repeat(150)}\nc,d\n`, ["1!", "2: c|d"]],
    ["a line that is much too long", `a,${"x".repeat(5_000)}\nc,d\n`, ["1!", "2: c|d"]],
    [
      "a quote far from its end",
      `"a\n${"b,c\n".repeat(40)}`,
      ["1!", ...Array.from({ length: 40 }, (_, i) => `${i + 2}: b|c`)],
    ],
  ])("are read with %s, however they are cut", async (_, text, expected) => {
    for (const pieceSize of [1, 7, 64, 100_000]) expect(show(await read(text, pieceSize))).toEqual(expected);
  });

  it("keep or lose the spaces around fields without quotes, as is asked for, but never the end of a line for a field", async () => {
    const text = ' a ,b \r\n" c ",d\r\n e,\r\n';
    expect(show(await read(text, 1, true))).toEqual(["1: a|b", "2:  c |d", "3: e|"]);
    expect(show(await read(text, 1, false))).toEqual(["1:  a |b ", "2:  c |d", "3:  e|"]);
  });

  it("are no empty line where an empty field is in quotes", async () => {
    expect(show(await read('a\n""\n\nb\n', 1))).toEqual(["1: a", "2: ", "4: b"]);
  });

  it("tell a record that is not UTF-8 from the others", async () => {
    expect(
      show(await read(Buffer.concat([Buffer.from("a,b\n"), Buffer.of(0xff, 0x0a), Buffer.from("c,ü\n")]), 1)),
    ).toEqual(["1: a|b", "2!", "3: c|ü"]);
  });

  it("come out as they went in, whatever is in them", async () => {
    const field = fc.string({ unit: "grapheme", maxLength: 8 }).filter((text) => !text.includes("\u{fffd}"));
    const table = fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { maxLength: 6 });
    const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
    await fc.assert(
      fc.asyncProperty(
        table,
        fc.integer({ min: 1, max: 20 }),
        fc.constantFrom("\n", "\r\n"),
        async (rows, size, end) => {
          const text = rows.map((row) => row.map(quote).join(",") + end).join("");
          fc.pre(rows.every((row) => row.map(quote).join(",").length < SIZE_MAX));
          const records = await read(text, size);
          expect(records.map((one) => ("fields" in one ? one.fields : one.problem))).toEqual(rows);
        },
      ),
      { numRuns: 300 },
    );
  });
});
