import { describe, expect, test } from "vitest";
import { backoffMs } from "./backoff.ts";

describe("backoff", () => {
  test.each([
    { failures: 0, random: 0, ms: 0 },
    { failures: 0, random: 0.5, ms: 125 },
    { failures: 1, random: 0.5, ms: 250 },
    { failures: 4, random: 0.5, ms: 2_000 },
    { failures: 7, random: 0.5, ms: 15_000 },
    { failures: 5_000, random: 0.5, ms: 15_000 },
  ])("after $failures failures with random $random is $ms ms", ({ failures, random, ms }) => {
    expect(backoffMs(failures, random)).toBe(ms);
  });
});
