import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { findWish } from "./stop-words.ts";

describe("what a text message asks for", () => {
  test.each([
    ["STOP", "stop"],
    [" stop. ", "stop"],
    ["Stop!!!", "stop"],
    ["\u201CSTOP\u201D", "stop"],
    ["STOP ALL", "stop"],
    ["stopall", "stop"],
    ["Unsubscribe", "stop"],
    ["STOPP", "stop"],
    ["ARRÊT", "stop"],
    ["arre\u0302t", "stop"],
    ["Désabonner", "stop"],
    ["BAJA", "stop"],
    ["rezygnuję", "stop"],
    ["WYŁĄCZ", "stop"],
    ["disiscrivimi", "stop"],
    ["ＳＴＯＰ", "stop"],
    ["START", "start"],
    ["unstop", "start"],
    ["Wznów", "start"],
    ["Riprendi!", "start"],
    ["HELP", undefined],
    ["", undefined],
    ["yes", undefined],
    ["Can I stop by today?", undefined],
    ["don't stop", undefined],
    ["STOPS", undefined],
    ["constructor", undefined],
    [`stop${" ".repeat(10_000)}`, undefined],
  ])("%j is %s", (text, wish) => expect(findWish(text)).toBe(wish));

  it("does not depend on case, marks around it or blanks", () => {
    const around = fc.string({ unit: fc.constantFrom(" ", ".", "!", "\n", "\u{1F6D1}"), maxLength: 8 });
    fc.assert(
      fc.property(
        fc.mixedCase(fc.constantFrom("stop", "arret", "stopp", "cancelar")),
        around,
        around,
        (word, before, after) => {
          expect(findWish(`${before}${word}${after}`)).toBe("stop");
        },
      ),
    );
  });
});
