import { describe, expect, test } from "vitest";
import { defaultRestartPolicy, nextRestartDelayMs } from "./restart-policy.ts";

describe("the wait before a restart", () => {
  test.each([
    { circumstance: "after the first death", lastDelayMs: undefined, upMs: 5, expected: 100 },
    { circumstance: "after a death soon after the restart", lastDelayMs: 100, upMs: 5, expected: 200 },
    { circumstance: "at its greatest", lastDelayMs: 5_000, upMs: 5, expected: 5_000 },
    { circumstance: "just before its greatest", lastDelayMs: 3_200, upMs: 29_999, expected: 5_000 },
    { circumstance: "after a long life", lastDelayMs: 5_000, upMs: 30_000, expected: 100 },
  ])("is $expected ms $circumstance", ({ lastDelayMs, upMs, expected }) => {
    expect(nextRestartDelayMs(defaultRestartPolicy, { lastDelayMs, upMs })).toBe(expected);
  });
});
