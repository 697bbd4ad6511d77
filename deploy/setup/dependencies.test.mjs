import { describe, expect, test } from "vitest";
import { isSatisfied } from "./dependencies.mjs";

const a = { version: "1.0.0", integrity: "sha512-a" };
const forAnotherPlatform = { version: "1.0.0", integrity: "sha512-b", optional: true };

describe("node_modules against package-lock.json", () => {
  test.each([
    { what: "the same packages", wanted: { "": {}, a }, installed: { a }, expected: true },
    { what: "an optional one absent", wanted: { a, b: forAnotherPlatform }, installed: { a }, expected: true },
    { what: "a needed one absent", wanted: { a, b: a }, installed: { a }, expected: false },
    { what: "another version", wanted: { a }, installed: { a: { ...a, version: "1.0.1" } }, expected: false },
    { what: "another content", wanted: { a }, installed: { a: { ...a, integrity: "sha512-x" } }, expected: false },
    { what: "one too many", wanted: { a }, installed: { a, b: a }, expected: false },
  ])("$what is right: $expected", ({ wanted, installed, expected }) => {
    expect(isSatisfied({ wanted, installed })).toBe(expected);
  });
});
