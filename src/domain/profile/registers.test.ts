import type { JsonValue } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { ConsentStatus, ContactChannel, Purpose } from "../../../gen/intervention/v1/profile_pb.js";
import { findConsent } from "./consent.ts";
import { type ConsentWord, toConsentKey } from "./register-keys.ts";
import { fromRegistersText, joinRegisters, type Register, type Registers, toRegistersText } from "./registers.ts";

const register: fc.Arbitrary<Register> = fc.record({
  value: fc.oneof(
    fc.constant(null),
    fc.boolean(),
    fc.constantFrom("gold", "silver"),
    fc.integer({ min: 0, max: 3 }),
    fc.constantFrom<JsonValue>({ a: 1, b: 2 }, { b: 1 }, [1, 2]),
  ),
  // Few times and ids, so that ties are common.
  at: fc.integer({ min: 0, max: 3 }),
  id: fc.constantFrom("", "a", "b"),
});
const registers: fc.Arbitrary<Registers> = fc
  .dictionary(fc.constantFrom("attribute/plan", "time_zone", "attribute/age"), register)
  .map((object) => new Map(Object.entries(object)));
const sorted = (map: Registers) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));

describe("changes of a profile", () => {
  it("come to the same in whatever order they are joined", () => {
    fc.assert(
      fc.property(registers, registers, (a, b) => {
        expect(sorted(joinRegisters(a, b))).toEqual(sorted(joinRegisters(b, a)));
      }),
    );
  });

  it("come to the same however they are grouped, as in batches and merges", () => {
    fc.assert(
      fc.property(registers, registers, registers, (a, b, c) => {
        expect(sorted(joinRegisters(joinRegisters(a, b), c))).toEqual(sorted(joinRegisters(a, joinRegisters(b, c))));
      }),
    );
  });

  it("change nothing when they come again", () => {
    fc.assert(
      fc.property(registers, registers, (a, b) => {
        const once = joinRegisters(a, b);
        expect(joinRegisters(once, b)).toBe(once);
        expect(joinRegisters(once, a)).toBe(once);
      }),
    );
  });

  it("are read back as they were stored", () => {
    fc.assert(
      fc.property(registers, (a) => {
        expect(fromRegistersText(toRegistersText(a))).toEqual(a);
      }),
    );
  });

  it("do not bring back what a newer change took away", () => {
    const gone: Registers = new Map([["attribute/plan", { value: null, at: 2, id: "" }]]);
    const late: Registers = new Map([["attribute/plan", { value: "gold", at: 1, id: "" }]]);
    expect(joinRegisters(gone, late).get("attribute/plan")?.value).toBeNull();
    expect(joinRegisters(late, gone).get("attribute/plan")?.value).toBeNull();
  });
});

describe("a consent", () => {
  const subject = { channel: ContactChannel.INBOX, purpose: Purpose.MARKETING };
  type Word = readonly [ConsentWord, number];
  const said = (words: readonly Word[]): Registers =>
    words
      .map(([word, at]): Registers => new Map([[toConsentKey(subject, word), { value: true, at, id: "" }]]))
      .reduce(joinRegisters, new Map());

  const yes = ConsentStatus.GRANTED;
  const no = ConsentStatus.DENIED;
  const cases: readonly (readonly [string, readonly Word[], ConsentStatus | undefined])[] = [
    ["is unknown when nothing was said", [], undefined],
    ["is a yes after a yes", [["granted", 1]], yes],
    ["is a yes after one that was only inferred", [["implied", 1]], yes],
    ["is a no after a no", [["denied", 1]], no],
    [
      "is a no when the no came after the yes",
      [
        ["granted", 1],
        ["denied", 2],
      ],
      no,
    ],
    [
      "is a no when both came at one time",
      [
        ["granted", 1],
        ["denied", 1],
      ],
      no,
    ],
    [
      "is a yes when an explicit one came after the no",
      [
        ["denied", 1],
        ["granted", 2],
      ],
      yes,
    ],
    [
      "is still a no when an inferred yes came after it",
      [
        ["denied", 1],
        ["implied", 2],
      ],
      no,
    ],
    [
      "is still a no when an inferred yes came after an explicit one before it",
      [
        ["granted", 1],
        ["denied", 2],
        ["implied", 3],
      ],
      no,
    ],
  ];
  test.each(cases)("%s", (_, words, status) => {
    expect(findConsent(said(words), subject)?.status).toBe(status);
    expect(findConsent(said(words.toReversed()), subject)?.status).toBe(status);
  });

  it("of another purpose or channel says nothing", () => {
    const registers = said([["denied", 1]]);
    expect(findConsent(registers, { ...subject, purpose: Purpose.SERVICE })).toBeUndefined();
    expect(findConsent(registers, { ...subject, channel: ContactChannel.EMAIL })).toBeUndefined();
  });
});
