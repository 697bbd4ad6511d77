import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { diffLines } from "./diff-lines.ts";

describe("the lines that two texts differ in", () => {
  it("are none when they are the same", () => {
    expect(diffLines("a\nb", "a\nb")).toEqual([]);
  });

  it("are told with their numbers, and three around them", () => {
    const before = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
    const after = before.map((line) => (line === "5" ? "five" : line));
    expect(diffLines(before.join("\n"), after.join("\n"))).toEqual([
      ...[2, 3, 4].map((at) => ({ text: `${at}`, from: at, to: at })),
      { text: "5", from: 5 },
      { text: "five", to: 5 },
      ...[6, 7, 8].map((at) => ({ text: `${at}`, from: at, to: at })),
    ]);
  });

  it("make the second text out of the first, whatever they are", () => {
    const text = fc.array(fc.constantFrom("a", "b", "c", ""), { maxLength: 30 }).map((lines) => lines.join("\n"));
    fc.assert(
      fc.property(text, text, (before, after) => {
        const lines = diffLines(before, after, Number.POSITIVE_INFINITY);
        const join = (side: "from" | "to") =>
          lines
            .filter((line) => line[side] !== undefined)
            .map((line) => line.text)
            .join("\n");
        if (before === after) expect(lines).toEqual([]);
        else expect([join("from"), join("to")]).toEqual([before, after]);
      }),
    );
  });
});
