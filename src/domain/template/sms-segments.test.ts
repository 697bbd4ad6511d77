import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { countSmsSegments } from "./sms-segments.ts";

/** 3GPP TS 23.038, 6.2.1: the code points of the default alphabet in the order of its table, row by row of each column of 16; ESC left
 *  out. Written down by number, so that a slip in the one list does not stand in the other. */
const DEFAULT_ALPHABET: readonly number[] = [
  ...[0x40, 0xa3, 0x24, 0xa5, 0xe8, 0xe9, 0xf9, 0xec, 0xf2, 0xc7, 0x0a, 0xd8, 0xf8, 0x0d, 0xc5, 0xe5],
  ...[0x394, 0x5f, 0x3a6, 0x393, 0x39b, 0x3a9, 0x3a0, 0x3a8, 0x3a3, 0x398, 0x39e, 0xc6, 0xe6, 0xdf, 0xc9],
  ...[0x20, 0x21, 0x22, 0x23, 0xa4, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f],
  ...[0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f],
  ...[0xa1, ...range(0x41, 0x5a), 0xc4, 0xd6, 0xd1, 0xdc, 0xa7],
  ...[0xbf, ...range(0x61, 0x7a), 0xe4, 0xf6, 0xf1, 0xfc, 0xe0],
];
/** The same, 6.2.1.1: form feed ^ { } \ [ ~ ] | €. */
const EXTENSION_TABLE: readonly number[] = [0x0c, 0x5e, 0x7b, 0x7d, 0x5c, 0x5b, 0x7e, 0x5d, 0x7c, 0x20ac];

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

describe("the alphabet of SMS", () => {
  it("has the 127 characters of the standard's table, a septet each, and the ten of its extension, two each", () => {
    expect(new Set(DEFAULT_ALPHABET).size).toBe(127);
    for (const point of DEFAULT_ALPHABET)
      expect(countSmsSegments(String.fromCodePoint(point))).toEqual({
        ...{ encoding: "gsm_7", segments: 1, units: 1, notInGsm7: [] },
      });
    for (const point of EXTENSION_TABLE)
      expect(countSmsSegments(String.fromCodePoint(point))).toMatchObject({ encoding: "gsm_7", units: 2 });
  });

  it("has nothing else of Unicode", () => {
    const known = new Set([...DEFAULT_ALPHABET, ...EXTENSION_TABLE]);
    for (let point = 0; point <= 0xffff; point += 1) {
      if (known.has(point) || (point >= 0xd800 && point <= 0xdfff)) continue;
      const character = String.fromCodePoint(point);
      const { encoding, notInGsm7 } = countSmsSegments(character);
      if (encoding !== "ucs_2" || notInGsm7[0] !== character)
        expect.fail(`U+${point.toString(16)} is not in the table`);
    }
  });
});

describe("a text message", () => {
  test.each([
    ["nothing", "", "gsm_7", 0, 0],
    ["160 septets", "a".repeat(160), "gsm_7", 1, 160],
    ["161 septets", "a".repeat(161), "gsm_7", 2, 161],
    ["306 septets", "a".repeat(306), "gsm_7", 2, 306],
    ["307 septets", "a".repeat(307), "gsm_7", 3, 307],
    ["80 signs of euro", "€".repeat(80), "gsm_7", 1, 160],
    ["159 septets and a sign of euro", `${"a".repeat(159)}€`, "gsm_7", 2, 161],
    // The pair would be cut by the border at 153: it goes into the next segment whole, and leaves a septet empty.
    ["a sign of euro over the border", `${"a".repeat(152)}€${"a".repeat(152)}`, "gsm_7", 3, 306],
    ["a sign of euro up to the border", `${"a".repeat(151)}€${"a".repeat(153)}`, "gsm_7", 2, 306],
    ["two signs of euro, each over a border", `${"a".repeat(152)}€${"a".repeat(150)}€aa`, "gsm_7", 3, 308],
    ["70 code units", "ж".repeat(70), "ucs_2", 1, 70],
    ["71 code units", "ж".repeat(71), "ucs_2", 2, 71],
    ["134 code units", "ж".repeat(134), "ucs_2", 2, 134],
    ["135 code units", "ж".repeat(135), "ucs_2", 3, 135],
    ["35 faces", "😀".repeat(35), "ucs_2", 1, 70],
    ["36 faces", "😀".repeat(36), "ucs_2", 2, 72],
    // 67 units hold 33 pairs: a surrogate pair is not cut either.
    ["66 faces", "😀".repeat(66), "ucs_2", 2, 132],
    ["67 faces", "😀".repeat(67), "ucs_2", 3, 134],
    ["a face over the border", `${"ж".repeat(66)}😀${"ж".repeat(66)}`, "ucs_2", 3, 134],
    ["a face up to the border", `${"ж".repeat(65)}😀${"ж".repeat(67)}`, "ucs_2", 2, 134],
    // One character makes all of them UCS-2, and a sign of euro one unit.
    ["160 septets of which one is a curly quote", `${"a".repeat(159)}’`, "ucs_2", 3, 160],
    ["an é with its accent apart", "e\u0301", "ucs_2", 1, 2],
    ["ç, which the alphabet has as a capital only", "ç", "ucs_2", 1, 1],
  ] as const)("of %s", (_, text, encoding, segments, units) => {
    expect(countSmsSegments(text)).toMatchObject({ encoding, segments, units });
  });

  it("is cut as few times as its characters allow, none of them in two", () => {
    const character = fc.constantFrom("a", "€", "é", "ж", "😀", "~");
    fc.assert(
      fc.property(fc.array(character, { maxLength: 400 }), (characters) => {
        const { encoding, segments, units } = countSmsSegments(characters.join(""));
        const [single, several] = encoding === "gsm_7" ? [160, 153] : [70, 67];
        const least = units <= single ? Math.min(1, units) : Math.ceil(units / several);
        expect(segments).toBeGreaterThanOrEqual(least);
        // A border leaves one unit empty at most.
        expect(segments).toBeLessThanOrEqual(units <= single ? least : Math.ceil(units / (several - 1)));
      }),
      { numRuns: 3_000 },
    );
  });

  it("names what makes it UCS-2, each once, twenty at most", () => {
    expect(countSmsSegments("“a” “b” – ça").notInGsm7).toEqual(["“", "”", "–", "ç"]);
    expect(countSmsSegments(String.fromCodePoint(...range(0x430, 0x44f))).notInGsm7).toHaveLength(20);
  });
});
